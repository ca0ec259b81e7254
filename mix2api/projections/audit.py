"""Over many runs: how many were accepted, how they ended, and for how many that is known.

A `Tally` is told the entries of the audit stream and the runs without an end, in any order, and gives an
`AuditReport`. A run belongs to a window if it ended in it or is still open, so that windows side by side count each
run once. A run counts as what its client saw (`mix2api.projections.endings`).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from attrs import define, field, frozen

from mix2api.endings import ENDINGS
from mix2api.events.audit_entry import EndSummary, RequestSummary, read_end_summary, read_request_summary
from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.projections.budgets import Standing, standing
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.projections.tool_loops import LoopFigures, ToolLoops
from mix2api.vocabulary import EndReason, Fault, Receipt

SERVER_SIDE_TOOL_EXECUTIONS: Final = 0
"""Tools that this program ran. It has no code that runs one, and so no event that could tell of it: calls leave with the
answer, results come with a request. What a site runs itself is the site's."""
Value = str | int | bool | None
"""Of a dimension. None: the run did not get so far (an open run has no `end_reason`)."""


class Dimension(StrEnum):
    """By what runs can be grouped."""

    CLIENT = "client"
    STREAM = "stream"
    MODEL = "model"
    CHANNEL = "channel"
    TOOLS_PRESENT = "tools_present"
    END_REASON = "end_reason"
    HTTP_STATUS = "http_status"
    UPSTREAM_STATUS = "upstream_status"


@frozen(kw_only=True)
class Figures:
    """What is counted, over all runs and over each group alike."""

    requests: int
    """Accepted runs: ended, open and unreadable ones."""
    ended: int
    open: int
    """Accepted and without an end, the orphans included."""
    orphans: int
    """Open, and the process that ran it is gone."""
    unknown: int
    """Ended with the reason `unknown`."""
    coverage: float | None
    """Ended with another reason than `unknown`, of all whose process is not still running them. None: there are none."""
    done_coverage: float | None
    """Streams of which the edge says that the ending in the log was written, of all whose client stayed. None: there are none.

    An edge that died between the ending and its receipt makes this read too low.
    """
    success: int = 0
    """Good `end`s, streamed or whole, of which the edge says that this finish was written."""
    success_rate: float | None = None
    """Of all ended runs but those that failed by their client's doing and those whose ending nobody waited for."""
    broken: int = 0
    """`mismatched` and `no_receipt` together."""
    mismatched: int = 0
    """The log says success and the client was given a failure, or the other way round."""
    no_receipt: int = 0
    """Good `end`s of which no edge says what the client was given."""
    reworded: int = 0
    """Failed runs whose client was told another failure than the log has."""
    tool_loops: int = 0
    """See `LoopFigures`, for this and the next three."""
    tool_loops_returned: int = 0
    tool_loops_closed: int = 0
    tool_loops_abandoned: int = 0
    loop_closure: float | None = None
    """Closed loops of those whose client came back with a result. A client that never did is not counted as a broken loop."""
    counted: int = 0
    """Ended runs whose turn was counted before it was sent (`mix2api.projections.budgets`)."""
    trimmed: int = 0
    """Of the counted: runs whose history was trimmed."""
    rolled_over: int = 0
    """Of the counted: runs that went to a fresh session, because theirs was too full."""
    over_budget: int = 0
    """Of the counted: runs that did not fit, even trimmed, and were refused."""
    compacted: int = 0
    """Of the counted: runs whose client had replaced the history by a summary."""
    by_usage_source: Mapping[str, int] = field(factory=dict)
    """Whose figures the usage of ended runs has -> runs; only what occurred."""
    by_end_reason: Mapping[str, int]
    """What the clients were told. Only reasons that occurred, in the order of `EndReason`."""


@frozen(kw_only=True)
class Group:
    """The figures of the runs that are alike in the dimensions asked for."""

    by: Mapping[str, Value]
    figures: Figures


@frozen(kw_only=True)
class AuditReport:
    """An audit's result."""

    total: Figures
    unreadable: int
    """Entries that are damaged or of a newer version: requests that nothing is known of."""
    refused_store_away: int
    """Requests refused while the store was away. They were never accepted and count for nothing else."""
    refused: int
    """Requests refused before a run began, by their own entries. They count for nothing else."""
    refused_by_end_reason: Mapping[str, int]
    """Only reasons that occurred, in the order of `EndReason`."""
    groups: tuple[Group, ...]
    """The largest first; empty unless dimensions were asked for."""
    server_side_tool_executions: int = SERVER_SIDE_TOOL_EXECUTIONS
    runtime_tool_executions: int = 0
    """Tools that runtimes behind us ran by themselves (ADR 72). They are no executions of ours."""


@define
class _Counts:
    """The running figures of one group."""

    by_end_reason: dict[EndReason, int] = field(factory=dict)
    figures: dict[str, int] = field(factory=dict)
    """By the names below."""
    by_usage_source: dict[str, int] = field(factory=dict)

    def count(self, figure: str, by: int = 1) -> None:
        """Adds to one figure."""
        self.figures[figure] = self.figures.get(figure, 0) + by

    def count_run(self, run: "_EndedRun", ending: Judged, times: int) -> None:
        """Adds so many runs that ended alike."""
        reason, waited = ending.reason, ending.seen is not Seen.NOBODY_WAITED
        self.by_end_reason[reason] = self.by_end_reason.get(reason, 0) + times
        stayed = run.stream and waited and run.end_reason is not EndReason.CLIENT_ABORT
        for figure, counts in (
            ("stayed", stayed),
            ("done", stayed and ending.seen in _GIVEN),
            ("asked", waited and ENDINGS[reason].fault is not Fault.CLIENT),
            ("success", ending.is_success),
            ("mismatched", ending.is_mismatched),
            ("no_receipt", ending.is_unconfirmed),
            ("reworded", ending.seen is Seen.REWORDED),
            ("unknown", run.end_reason is EndReason.UNKNOWN),
            ("counted", run.stood.is_counted),
            ("trimmed", run.stood.is_trimmed),
            ("rolled_over", run.stood.is_rolled_over),
            ("over_budget", run.stood.is_refused),
            ("compacted", run.stood.is_compacted),
        ):
            if counts:
                self.count(figure, times)
        if run.stood.source is not None:
            self._count_source(run.stood.source, times)

    def add(self, other: "_Counts") -> None:
        """Takes another group's figures in."""
        for reason, count in other.by_end_reason.items():
            self.by_end_reason[reason] = self.by_end_reason.get(reason, 0) + count
        for figure, count in other.figures.items():
            self.count(figure, count)
        for source, count in other.by_usage_source.items():
            self._count_source(source, count)

    def _count_source(self, source: str, by: int) -> None:
        self.by_usage_source[source] = self.by_usage_source.get(source, 0) + by


_Key = tuple[Value, ...]


class _EndedRun(NamedTuple):
    """What is kept of a run until its receipt is read. A tuple: an audit reads millions."""

    key: _Key
    end_reason: EndReason
    stream: bool
    stood: Standing


class _Given(NamedTuple):
    """A receipt that was read before its run."""

    receipt: str
    told: str | None


@define
class Tally:
    """An audit under way. Changed in place: a copy per entry would cost more than all the rest."""

    by: tuple[Dimension, ...] = ()
    _groups: dict[_Key, _Counts] = field(factory=dict, init=False)
    _waiting: dict[str, _EndedRun] = field(factory=dict, init=False)
    """Runs whose receipt has not been read. What is left here at the end has none."""
    _alike: dict[tuple[_EndedRun, str, str | None], int] = field(factory=dict, init=False)
    """Runs with their receipt and the reason told. Thousands are alike, and are judged once."""
    _early: dict[str, _Given] = field(factory=dict, init=False)
    """Receipts that came before their run's end."""
    _loops: ToolLoops = field(factory=ToolLoops, init=False)
    _runtime_tools: int = field(default=0, init=False)
    _unreadable: int = field(default=0, init=False)
    _refused_store_away: int = field(default=0, init=False)
    _refused: Counter[EndReason] = field(factory=Counter, init=False)

    def add_run(self, run_id: str, request: bytes, end: bytes) -> None:
        """A run that ended, by the two halves that `mix2api.events.audit_entry` made."""
        asked = read_request_summary(request)
        ended = read_end_summary(end)
        if asked is None or ended is None:
            self._unreadable += 1
            return
        self._runtime_tools += ended.runtime_tools or 0
        if asked.again_of is not None:
            self.add_receipt(asked.again_of, Receipt.RERUN)
        key = self._key_of(asked, ended)
        self._loops.add_calls(key, ended.calls)
        self._loops.add_results((call for call, _ in asked.results), ended.end_reason)
        self._waiting[run_id] = _EndedRun(key, ended.end_reason, asked.stream, standing(asked, ended))
        if run_id in self._early:
            self.add_receipt(run_id, *self._early.pop(run_id))

    def add_receipt(self, run_id: str, receipt: str, told: str | None = None) -> None:
        """What an edge says of an ending. The first for a run counts.

        Args:
            run_id: whose.
            receipt: a `Receipt`, or a newer version's word.
            told: the `end_reason` under which the client was given its ending, if the receipt says it.
        """
        run = self._waiting.pop(run_id, None)
        if run is None:
            self._early.setdefault(run_id, _Given(receipt, told))
            return
        alike = run, receipt, told
        self._alike[alike] = self._alike.get(alike, 0) + 1

    def add_open(self, summary: bytes, *, alive: bool) -> None:
        """A run without an end, by the request half that rests in `open`.

        Args:
            summary: as `request_summary` made it.
            alive: whether the process that runs it is.
        """
        asked = read_request_summary(summary)
        if asked is None:
            self._unreadable += 1
            return
        self._loops.add_results((call for call, _ in asked.results), None)
        _counts_of(self._groups, self._key_of(asked, None)).count("running" if alive else "orphans")

    def add_damaged(self, count: int) -> None:
        """Entries of which not even a half can be read: what the store passed over."""
        self._unreadable += count

    def add_refused(self, count: int) -> None:
        """Requests that were refused while the store was away."""
        self._refused_store_away += count

    def add_refusal(self, data: bytes) -> None:
        """A request that was refused before a run began (`mix2api.events.refusal_entry`)."""
        entry = read_refusal(data)
        if entry is None:
            self._unreadable += 1
            return
        self._refused[entry.end_reason] += 1

    def add_refusal_count(self, data: bytes) -> None:
        """Such requests that were only counted."""
        entry = read_refusal_count(data)
        if entry is None:
            self._unreadable += 1
            return
        self._refused[entry.end_reason] += sum(counted.count for counted in entry.by_client)

    def report(self) -> AuditReport:
        """The figures so far."""
        total, loops, everything = _Counts(), self._loops.figures(), self._with_ended()
        for counts in everything.values():
            total.add(counts)
        groups = [
            Group(
                by=dict(zip(self.by, key, strict=True)),
                figures=_figures(counts, loops.get(key, LoopFigures())),
            )
            for key, counts in everything.items()
            if self.by
        ]
        groups.sort(key=lambda group: (-group.figures.requests, *map(str, group.by.values())))
        return AuditReport(
            total=_figures(total, sum(loops.values(), LoopFigures()), unreadable=self._unreadable),
            unreadable=self._unreadable,
            refused_store_away=self._refused_store_away,
            refused=self._refused.total(),
            refused_by_end_reason={
                reason.value: self._refused[reason] for reason in EndReason if reason in self._refused
            },
            groups=tuple(groups),
            runtime_tool_executions=self._runtime_tools,
        )

    def _key_of(self, request: RequestSummary, end: EndSummary | None) -> _Key:
        return tuple([_VALUE_OF[dimension](request, end) for dimension in self.by])

    def _with_ended(self) -> dict[_Key, _Counts]:
        """The groups together with the runs that ended. The tally stays as it is: more may be read."""
        groups: dict[_Key, _Counts] = {}
        for key, counts in self._groups.items():
            _counts_of(groups, key).add(counts)
        for (run, receipt, told), times in self._alike.items():
            _count_ended(groups, self.by, run, judged(run.end_reason, receipt, told), times)
        for run, times in Counter(self._waiting.values()).items():
            _count_ended(groups, self.by, run, judged(run.end_reason, None, None), times)
        return groups


def _counts_of(groups: dict[_Key, _Counts], key: _Key) -> _Counts:
    counts = groups.get(key)
    if counts is None:
        counts = groups[key] = _Counts()
    return counts


def _count_ended(
    groups: dict[_Key, _Counts], by: tuple[Dimension, ...], run: _EndedRun, ending: Judged, times: int
) -> None:
    key = run.key
    if ending.reason is not run.end_reason and Dimension.END_REASON in by:
        at = by.index(Dimension.END_REASON)
        key = (*key[:at], ending.reason, *key[at + 1 :])
    _counts_of(groups, key).count_run(run, ending, times)


_GIVEN: Final = frozenset({Seen.AS_RECORDED, Seen.REWORDED})
"""The client was given an ending of the kind that the log has."""

_VALUE_OF: Final[dict[Dimension, Callable[[RequestSummary, EndSummary | None], Value]]] = {
    Dimension.CLIENT: lambda request, _: request.client,
    Dimension.STREAM: lambda request, _: request.stream,
    Dimension.MODEL: lambda request, _: request.model,
    Dimension.CHANNEL: lambda request, _: request.channel,
    Dimension.TOOLS_PRESENT: lambda request, _: request.tools_present,
    Dimension.END_REASON: lambda _, end: None if end is None else end.end_reason,
    Dimension.HTTP_STATUS: lambda _, end: None if end is None else end.http_status,
    Dimension.UPSTREAM_STATUS: lambda _, end: None if end is None else end.upstream_status,
}


def _figures(counts: _Counts, loops: LoopFigures, *, unreadable: int = 0) -> Figures:
    count = counts.figures.get
    ended = sum(counts.by_end_reason.values())
    running, orphans, unknown = count("running", 0), count("orphans", 0), count("unknown", 0)
    mismatched, no_receipt = count("mismatched", 0), count("no_receipt", 0)
    return Figures(
        requests=ended + running + orphans + unreadable,
        ended=ended,
        open=running + orphans,
        orphans=orphans,
        unknown=unknown,
        coverage=_share(ended - unknown, ended + orphans + unreadable),
        done_coverage=_share(count("done", 0), count("stayed", 0)),
        success=count("success", 0),
        success_rate=_share(count("success", 0), count("asked", 0)),
        broken=mismatched + no_receipt,
        mismatched=mismatched,
        no_receipt=no_receipt,
        reworded=count("reworded", 0),
        tool_loops=loops.tool_loops,
        tool_loops_returned=loops.tool_loops_returned,
        tool_loops_closed=loops.tool_loops_closed,
        tool_loops_abandoned=loops.tool_loops_abandoned,
        loop_closure=loops.closure,
        counted=count("counted", 0),
        trimmed=count("trimmed", 0),
        rolled_over=count("rolled_over", 0),
        over_budget=count("over_budget", 0),
        compacted=count("compacted", 0),
        by_usage_source=dict(sorted(counts.by_usage_source.items())),
        by_end_reason={
            reason.value: counts.by_end_reason[reason]
            for reason in EndReason
            if reason in counts.by_end_reason
        },
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
