"""Counts and histograms of finished requests: one fold for the running process and for the audit stream.

A process tells the fold the very audit entries that it writes, and `/metrics` shows it. `mix2api metrics` tells the same fold what
stands in the audit stream. So the two can only differ by what a process did not live to show. Labels are from closed lists: a word that is
on none of them counts as `other`.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final, NamedTuple

from attrs import define, evolve, field

from mix2api.budget.usage import UsageSource
from mix2api.events.audit_entry import EndSummary, RequestSummary, TokenCounts
from mix2api.events.refusal_entry import RefusalCount, RefusalEntry
from mix2api.projections.budgets import Standing, standing
from mix2api.vocabulary import SUCCESSES, ClientName, EndReason

OTHER: Final = "other"
NONE: Final = "none"
MOST_CELLS: Final = 1500
"""Combinations of labels that are counted apart; some hundred occur in practice. All further ones share one cell."""
_CLIENTS: Final = frozenset(ClientName)
_SOURCES: Final[Mapping[str | None, str]] = {None: "site"} | {word.value: word.value for word in UsageSource}
"""Whose figures a usage has. An entry that does not say it has the site's."""
_STATUSES: Final = range(100, 600)
_FLAGS: Final = {None: NONE, True: "true", False: "false"}

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histograms' buckets: a site answers in seconds, and a long stream takes minutes."""


class Cell(NamedTuple):
    """The labels of one counter."""

    client: str
    stream: str
    tools_present: str
    end_reason: str
    http_status: str
    upstream_status: str
    channel: str


OVERFLOW: Final = Cell(*(OTHER,) * 7)


class Caller(NamedTuple):
    """The labels of a histogram."""

    client: str
    stream: str


@define
class Histogram:
    """Observations in seconds, by bucket."""

    counts: list[int] = field(factory=lambda: [0] * (len(SECONDS) + 1))
    """How many fell into each bucket, and above the last; not cumulative."""
    total_ms: int = 0

    def observe(self, ms: int) -> None:
        """Adds one observation in milliseconds."""
        self.counts[bisect_left(SECONDS, ms / 1000)] += 1
        self.total_ms += ms


@define
class LoopCounts:
    """Tool loops of one client, as single requests show them."""

    asked: int = 0
    """Runs that ended in `tool_calls`."""
    answered: int = 0
    """Runs that brought tool results."""
    closed: int = 0
    """Of these: they ended well."""


@define
class BudgetCounts:
    """How the runs of one client stood to their budgets (`mix2api.projections.budgets`)."""

    counted: int = 0
    """Runs that were counted before they were sent."""
    trimmed: int = 0
    """Of these, here and below: their history was trimmed."""
    rolled_over: int = 0
    """They went to a fresh session, because theirs was too full."""
    refused: int = 0
    """They did not fit, even trimmed."""


class TokenCell(NamedTuple):
    """The labels of a count of tokens."""

    client: str
    direction: str
    """`input` or `output`."""
    source: str
    """Whose figures they are, a `UsageSource`."""


@define
class Traffic:
    """The fold. Changed in place: one request costs a few microseconds."""

    requests: dict[Cell, int] = field(factory=dict)
    first_token: dict[Caller, Histogram] = field(factory=dict)
    total: dict[Caller, Histogram] = field(factory=dict)
    longest_gap: dict[Caller, Histogram] = field(factory=dict)
    """The longest silence of the site between two pieces of one answer."""
    loops: dict[str, LoopCounts] = field(factory=dict)
    budgets: dict[str, BudgetCounts] = field(factory=dict)
    tokens: dict[TokenCell, int] = field(factory=dict)
    """Of the usages that answers had."""
    runtime_tools: int = 0
    """Tools that runtimes ran by themselves."""
    unreadable: int = 0
    """Entries of the audit stream that are damaged or of a newer version."""

    def copy(self) -> "Traffic":
        """As it is now, for somebody who reads it while it goes on."""
        return Traffic(
            requests=dict(self.requests),
            first_token=_copies(self.first_token),
            total=_copies(self.total),
            longest_gap=_copies(self.longest_gap),
            loops={client: evolve(counts) for client, counts in self.loops.items()},
            budgets={client: evolve(counts) for client, counts in self.budgets.items()},
            tokens=dict(self.tokens),
            runtime_tools=self.runtime_tools,
            unreadable=self.unreadable,
        )

    def add_entry(self, asked: RequestSummary | None, ended: EndSummary | None) -> None:
        """A run of the audit stream, by its two halves."""
        if asked is None or ended is None:
            self.unreadable += 1
            return
        caller = Caller(client_word(asked.client), _FLAGS[asked.stream])
        self._count(
            Cell(
                caller.client,
                caller.stream,
                _FLAGS[asked.tools_present],
                ended.end_reason.value,
                status_word(ended.http_status),
                status_word(ended.upstream_status),
                asked.channel.value,
            ),
            1,
        )
        self._time(caller, ended)
        if ended.end_reason is EndReason.TOOL_CALLS or asked.results:
            self._loop(caller.client, ended.end_reason, len(asked.results))
        if asked.budget is not None:
            self._budget(caller.client, standing(asked, ended))
        self.runtime_tools += ended.runtime_tools or 0
        if ended.usage is not None:
            self._spend(caller.client, ended.usage, ended.usage_source)

    def add_refusal(self, entry: RefusalEntry | None) -> None:
        """A request that was refused before a run began."""
        if entry is None:
            self.unreadable += 1
            return
        self._refused((entry.client, entry.stream, entry.tools_present), entry, 1)

    def add_refusals(self, count: RefusalCount | None) -> None:
        """Such requests that were only counted."""
        if count is None:
            self.unreadable += 1
            return
        for each in count.by_client:
            self._refused((each.client, each.stream, each.tools_present), count, each.count)

    def _refused(
        self, who: tuple[str, bool | None, bool | None], of: RefusalEntry | RefusalCount, count: int
    ) -> None:
        client, stream, tools_present = who
        self._count(
            Cell(
                client_word(client),
                _FLAGS[stream],
                _FLAGS[tools_present],
                of.end_reason.value,
                status_word(of.http_status),
                NONE,
                of.refused_by.value,
            ),
            count,
        )

    def _count(self, cell: Cell, count: int) -> None:
        if cell not in self.requests and len(self.requests) >= MOST_CELLS:
            cell = OVERFLOW
        self.requests[cell] = self.requests.get(cell, 0) + count

    def _time(self, caller: Caller, ended: EndSummary) -> None:
        _histogram(self.total, caller).observe(ended.total_ms)
        if ended.first_token_ms is not None:
            _histogram(self.first_token, caller).observe(ended.first_token_ms)
        if ended.longest_gap_ms is not None:
            _histogram(self.longest_gap, caller).observe(ended.longest_gap_ms)

    def _loop(self, client: str, end_reason: EndReason, results: int) -> None:
        counts = self.loops.setdefault(client, LoopCounts())
        counts.asked += end_reason is EndReason.TOOL_CALLS
        counts.answered += bool(results)
        counts.closed += bool(results) and end_reason in SUCCESSES

    def _budget(self, client: str, stood: Standing) -> None:
        counts = self.budgets.setdefault(client, BudgetCounts())
        counts.counted += stood.is_counted
        counts.trimmed += stood.is_trimmed
        counts.rolled_over += stood.is_rolled_over
        counts.refused += stood.is_refused

    def _spend(self, client: str, usage: TokenCounts, source: str | None) -> None:
        word = _SOURCES.get(source, OTHER)
        for direction, tokens in (("input", usage.prompt), ("output", usage.completion)):
            cell = TokenCell(client, direction, word)
            self.tokens[cell] = self.tokens.get(cell, 0) + tokens


def _histogram(kept: dict[Caller, Histogram], caller: Caller) -> Histogram:
    found = kept.get(caller)
    if found is None:
        found = kept[caller] = Histogram()
    return found


def _copies(histograms: dict[Caller, Histogram]) -> dict[Caller, Histogram]:
    return {caller: Histogram([*one.counts], one.total_ms) for caller, one in histograms.items()}


def client_word(client: str) -> str:
    """A client of the closed list; a newer version's is `other`."""
    return client if client in _CLIENTS else OTHER


def status_word(status: int | None) -> str:
    """A status code as HTTP has them."""
    if status is None:
        return NONE
    return str(status) if status in _STATUSES else OTHER
