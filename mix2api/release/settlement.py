"""From audit entries to trials: a run counts once its receipt has come, or once none is to be expected any more.

Entries may come in any order within a stretch of time. The trials of a stretch come out in one order, so that a guard that reads a
log anew finds what a guard found that watched it grow.
"""

from typing import Final, NamedTuple

from attrs import define, field

from mix2api.endings import ENDINGS
from mix2api.events.audit_entry import EndSummary, RequestSummary, read_end_summary, read_request_summary
from mix2api.events.refusal_entry import RefusalCount, RefusalEntry
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.release.refusals import Refusals
from mix2api.release.trials import Cell, Trial
from mix2api.vocabulary import Channel, EndReason, Fault, Receipt

GRACE_MS: Final = 30_000
"""After a run's `end` without a receipt the run counts as one. An edge writes the receipt with the ending; a client that stalls
may hold that back for longer, on both channels alike."""
_LEFT: Final = frozenset({EndReason.CLIENT_ABORT, EndReason.SUPERSEDED})
_OWN_REFUSALS: Final = frozenset({EndReason.OVERLOADED, EndReason.UNAVAILABLE})
_GIVEN: Final = frozenset({Seen.AS_RECORDED, Seen.REWORDED})


class _Waiting(NamedTuple):
    """A run whose receipt has not come."""

    at_ms: int
    session: str
    asked: RequestSummary
    age_ms: int
    ended: EndSummary


class _Early(NamedTuple):
    """A receipt that came before its run."""

    at_ms: int
    receipt: str
    told: str | None


@define
class Settlement:
    """The fold. It holds the runs of the last half minute, whatever the length of the day.

    Args:
        since_ms: when the step began, Unix milliseconds: only turns that were asked since then count, on both channels. A turn
            that was asked before ran on stable alone, and of those the long ones are left.
    """

    since_ms: int
    unplaced: dict[Channel, int] = field(factory=dict)
    """Runs of which an older process did not write when their session was opened. They cannot be compared."""
    unreadable: int = 0
    """Entries that are damaged or of a newer version."""
    _waiting: dict[str, _Waiting] = field(factory=dict)
    _early: dict[str, _Early] = field(factory=dict)
    _settled: list[Trial] = field(factory=list)
    _refused: list[Refusals] = field(factory=list)

    def add_run(self, at_ms: int, run_id: str, session: str, request: bytes, end: bytes) -> None:
        """A run that ended, by the halves of its audit entry."""
        asked, ended = read_request_summary(request), read_end_summary(end)
        if asked is None or ended is None:
            self.unreadable += 1
            return
        if asked.again_of is not None:
            self.add_receipt(at_ms, asked.again_of, Receipt.RERUN, None)
        if asked.turn is None or asked.session_age_ms is None:
            self.unplaced[asked.channel] = self.unplaced.get(asked.channel, 0) + 1
            return
        if asked.at_ms < self.since_ms:
            return
        run = _Waiting(at_ms, session, asked, asked.session_age_ms, ended)
        early = self._early.pop(run_id, None)
        if early is None:
            self._waiting[run_id] = run
        else:
            self._settle(max(at_ms, early.at_ms), run_id, run, early.receipt, early.told)

    def add_refusals(self, at_ms: int, refusal: RefusalEntry | RefusalCount, count: int = 1) -> None:
        """Requests that were refused before a run began. Those that were refused by our own fault count."""
        if at_ms >= self.since_ms and refusal.end_reason in _OWN_REFUSALS:
            is_canary = refusal.refused_by is Channel.CANARY
            by_worker = refusal.worker_channel is not None
            edge_canary = refusal.channel is Channel.CANARY
            self._refused.append(Refusals(at_ms, edge_canary, is_canary, by_worker, count))

    def add_receipt(self, at_ms: int, run_id: str, receipt: str, told: str | None) -> None:
        """What an edge says of an ending. The first for a run counts."""
        run = self._waiting.pop(run_id, None)
        if run is None:
            self._early.setdefault(run_id, _Early(at_ms, receipt, told))
        else:
            self._settle(max(at_ms, run.at_ms), run_id, run, receipt, told)

    def drain(self, until_ms: int) -> list[Trial]:
        """The trials that were settled up to then, in order. All entries up to then must have been added."""
        for run_id, run in list(self._waiting.items()):
            if run.at_ms + GRACE_MS <= until_ms:
                del self._waiting[run_id]
                self._settle(run.at_ms + GRACE_MS, run_id, run, None, None)
        oldest_ms = until_ms - GRACE_MS
        self._early = {run_id: early for run_id, early in self._early.items() if early.at_ms > oldest_ms}
        due = sorted([trial for trial in self._settled if trial.at_ms <= until_ms])
        self._settled = [trial for trial in self._settled if trial.at_ms > until_ms]
        return due

    def drain_refused(self, until_ms: int) -> list[Refusals]:
        """What was refused up to then, in any order."""
        due = [one for one in self._refused if one.at_ms <= until_ms]
        self._refused = [one for one in self._refused if one.at_ms > until_ms]
        return due

    def _settle(self, at_ms: int, run_id: str, run: _Waiting, receipt: str | None, told: str | None) -> None:
        ending = judged(run.ended.end_reason, receipt, told)
        if ending.seen is not Seen.NOBODY_WAITED or ending.reason in _LEFT:
            self._settled.append(_trial(at_ms, run_id, run, ending, self.since_ms))


def _trial(at_ms: int, run_id: str, run: _Waiting, ending: Judged, since_ms: int) -> Trial:
    asked, ended = run.asked, run.ended
    waited = ending.seen is not Seen.NOBODY_WAITED and ending.reason not in _LEFT
    stayed = asked.stream and waited and ended.end_reason is not EndReason.CLIENT_ABORT
    return Trial(
        at_ms=at_ms,
        run_id=run_id,
        session=run.session,
        turn=asked.turn,
        cell=Cell(asked.client, asked.stream, asked.tools_present),
        canary=asked.channel is Channel.CANARY,
        edge_canary=(asked.edge_channel or asked.channel) is Channel.CANARY,
        age_ms=run.age_ms,
        reason=ending.reason,
        detail=ended.detail,
        asked=waited and ENDINGS[ending.reason].fault is not Fault.CLIENT,
        served=ending.is_success,
        stayed=stayed,
        broken=stayed and (ending.is_mismatched or ending.is_unconfirmed),
        done=stayed and ending.seen in _GIVEN,
        brings_results=bool(asked.results),
        first_token_ms=ended.first_token_ms,
        carried=asked.at_ms - run.age_ms < since_ms,
    )
