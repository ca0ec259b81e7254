"""Over many runs: how many were accepted, how they ended, and for how many that is known.

A `Tally` is told the entries of the audit stream and the runs without an end, in any order, and gives an
`AuditReport`. A run belongs to a window if it ended in it or is still open, so that windows side by side count each
run once.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from attrs import define, field, frozen

from mix2api.projections.summary import EndSummary, RequestSummary, read_end_summary, read_request_summary
from mix2api.projections.tool_loops import LoopFigures, ToolLoops
from mix2api.vocabulary import EndReason, Receipt

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
    """Streams of which the edge says that their ending was written, of all whose client stayed. None: there are none.

    An edge that died between the ending and its receipt makes this read too low.
    """
    tool_loops: int = 0
    """See `LoopFigures`, for this and the next two."""
    tool_loops_returned: int = 0
    tool_loops_closed: int = 0
    loop_closure: float | None = None
    """Closed loops of all loops. One whose results the client has not brought yet, or never will, is not closed."""
    by_end_reason: Mapping[str, int]
    """Only reasons that occurred, in the order of `EndReason`."""


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
    refused: int
    """Requests refused while the store was away. They were never accepted and count for nothing else."""
    groups: tuple[Group, ...]
    """The largest first; empty unless dimensions were asked for."""
    server_side_tool_executions: int = SERVER_SIDE_TOOL_EXECUTIONS


@define
class _Counts:
    """The running figures of one group."""

    by_end_reason: dict[EndReason, int] = field(factory=dict)
    running: int = 0
    orphans: int = 0
    stayed: int = 0
    done: int = 0

    def add(self, other: "_Counts") -> None:
        """Takes another group's figures in."""
        for reason, count in other.by_end_reason.items():
            self.by_end_reason[reason] = self.by_end_reason.get(reason, 0) + count
        self.running += other.running
        self.orphans += other.orphans
        self.stayed += other.stayed
        self.done += other.done


_Key = tuple[Value, ...]


@define
class Tally:
    """An audit under way. Changed in place: a copy per entry would cost more than all the rest."""

    by: tuple[Dimension, ...] = ()
    _groups: dict[_Key, _Counts] = field(factory=dict, init=False)
    _ended: dict[str, _Counts | None] = field(factory=dict, init=False)
    """Runs that wait for their receipt. None: not a stream whose client stayed, so the receipt counts for nothing."""
    _early: dict[str, str] = field(factory=dict, init=False)
    """Receipts that came before their run's end."""
    _loops: ToolLoops = field(factory=ToolLoops, init=False)
    _unreadable: int = field(default=0, init=False)
    _refused: int = field(default=0, init=False)

    def add_run(self, run_id: str, request: bytes, end: bytes) -> None:
        """A run that ended, by the two halves that `mix2api.projections.summary` made."""
        asked = read_request_summary(request)
        ended = read_end_summary(end)
        if asked is None or ended is None:
            self._unreadable += 1
            return
        key = self._key_of(asked, ended)
        counts = self._counts_of(key)
        self._loops.add_calls(key, ended.calls)
        self._loops.add_results((call for call, _ in asked.results), ended.end_reason)
        counts.by_end_reason[ended.end_reason] = counts.by_end_reason.get(ended.end_reason, 0) + 1
        stayed = asked.stream and ended.end_reason is not EndReason.CLIENT_ABORT
        counts.stayed += stayed
        self._ended[run_id] = counts if stayed else None
        if run_id in self._early:
            self.add_receipt(run_id, self._early.pop(run_id))

    def add_receipt(self, run_id: str, receipt: str) -> None:
        """What an edge says of an ending: a `Receipt`, or a newer version's word. The first for a run counts."""
        if run_id not in self._ended:
            self._early.setdefault(run_id, receipt)
            return
        counts = self._ended.pop(run_id)
        if counts is None:
            return
        if receipt in _NOBODY_WAITED:
            counts.stayed -= 1
        elif receipt in _WRITTEN:
            counts.done += 1

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
        counts = self._counts_of(self._key_of(asked, None))
        self._loops.add_results((call for call, _ in asked.results), None)
        if alive:
            counts.running += 1
        else:
            counts.orphans += 1

    def add_refused(self, count: int) -> None:
        """Requests that were refused while the store was away."""
        self._refused += count

    def report(self) -> AuditReport:
        """The figures so far."""
        total, loops = _Counts(), self._loops.figures()
        for counts in self._groups.values():
            total.add(counts)
        groups = [
            Group(
                by=dict(zip(self.by, key, strict=True)),
                figures=_figures(counts, loops.get(key, LoopFigures())),
            )
            for key, counts in self._groups.items()
            if self.by
        ]
        groups.sort(key=lambda group: (-group.figures.requests, *map(str, group.by.values())))
        return AuditReport(
            total=_figures(total, sum(loops.values(), LoopFigures()), unreadable=self._unreadable),
            unreadable=self._unreadable,
            refused=self._refused,
            groups=tuple(groups),
        )

    def _key_of(self, request: RequestSummary, end: EndSummary | None) -> _Key:
        return tuple([_VALUE_OF[dimension](request, end) for dimension in self.by])

    def _counts_of(self, key: _Key) -> _Counts:
        counts = self._groups.get(key)
        if counts is None:
            counts = self._groups[key] = _Counts()
        return counts


_NOBODY_WAITED: Final = frozenset({Receipt.CLIENT_LEFT, Receipt.RERUN})
"""Receipts of runs whose ending nobody was to see: the client had gone, or another run answers it."""
_WRITTEN: Final = frozenset({Receipt.WRITTEN, Receipt.ERROR_WRITTEN, Receipt.END_UNACKED})

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
    ended = sum(counts.by_end_reason.values())
    unknown = counts.by_end_reason.get(EndReason.UNKNOWN, 0)
    return Figures(
        requests=ended + counts.running + counts.orphans + unreadable,
        ended=ended,
        open=counts.running + counts.orphans,
        orphans=counts.orphans,
        unknown=unknown,
        coverage=_share(ended - unknown, ended + counts.orphans + unreadable),
        done_coverage=_share(counts.done, counts.stayed),
        tool_loops=loops.tool_loops,
        tool_loops_returned=loops.tool_loops_returned,
        tool_loops_closed=loops.tool_loops_closed,
        loop_closure=loops.closure,
        by_end_reason={
            reason.value: counts.by_end_reason[reason]
            for reason in EndReason
            if reason in counts.by_end_reason
        },
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
