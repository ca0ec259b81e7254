"""What became of a run, by its `end` and by what the edge says that it gave the client. The client's word wins.

A process that was paused past its lease may write a good `end` after the edge has ended the client's stream as lost.
A process that ended a stream before the store confirmed the `end` may die, and recovery then writes another `end`. In both
cases the log says one thing and the client saw another.
"""

from enum import StrEnum
from typing import Final

from attrs import frozen

from mix2api.vocabulary import SUCCESSES, EndReason, Receipt


class Seen(StrEnum):
    """How what the client was given compares with the `end`."""

    AS_RECORDED = "as_recorded"
    """The client was given this very ending."""
    FAILURE_TOLD = "failure_told"
    """The `end` is good, and the client was given a failing ending: a broken stream."""
    FINISH_TOLD = "finish_told"
    """The `end` is a failure, and the client was given a finish: a broken stream."""
    REWORDED = "reworded"
    """The `end` is a failure, and the client was told another failure."""
    NO_RECEIPT = "no_receipt"
    """No edge says that any ending was written. Of a good `end`: a broken stream."""
    NOBODY_WAITED = "nobody_waited"
    """The client had left, or another run answers it."""


@frozen
class Judged:
    """One run."""

    reason: EndReason
    """What the client was told, if it was told anything; else what the `end` says."""
    seen: Seen

    @property
    def is_success(self) -> bool:
        """A good `end`, and the edge's receipt that this finish was written."""
        return self.seen is Seen.AS_RECORDED and self.reason in SUCCESSES

    @property
    def is_mismatched(self) -> bool:
        """The log and the client disagree about whether the run succeeded."""
        return self.seen in _MISMATCHED

    @property
    def is_unconfirmed(self) -> bool:
        """A good `end` of which nobody says that it reached the client."""
        return self.seen is Seen.NO_RECEIPT and self.reason in SUCCESSES


_MISMATCHED: Final = frozenset({Seen.FAILURE_TOLD, Seen.FINISH_TOLD})
_NOBODY_WAITED: Final = frozenset({Receipt.CLIENT_LEFT.value, Receipt.RERUN.value})
_WRITTEN: Final = frozenset({Receipt.WRITTEN.value, Receipt.ERROR_WRITTEN.value, Receipt.END_UNACKED.value})
_REASONS: Final = frozenset(EndReason)


def judged(end_reason: EndReason, receipt: str | None, told: str | None) -> Judged:
    """Compares an `end` with its receipt.

    Args:
        end_reason: of the `end`.
        receipt: a `Receipt`, a newer version's word, or None where there is none. A word that this version does not know
            proves nothing.
        told: the `end_reason` under which the client was given its ending. None: the receipt is of a version that did not
            say, or nothing was given.
    """
    if receipt in _NOBODY_WAITED:
        return Judged(end_reason, Seen.NOBODY_WAITED)
    if receipt not in _WRITTEN:
        return Judged(end_reason, Seen.NO_RECEIPT)
    reason = EndReason(told) if told in _REASONS else _guessed(end_reason, receipt)
    return Judged(reason, _compared(end_reason, reason))


def _guessed(end_reason: EndReason, receipt: str | None) -> EndReason:
    """What an older version's receipt implies, which says only whether the ending was good or failing."""
    good = end_reason in SUCCESSES
    if receipt == Receipt.ERROR_WRITTEN and good:
        return (
            EndReason.WORKER_LOST
        )  # the only failing ending that those versions gave a run with a good `end`
    if receipt == Receipt.WRITTEN and not good:
        return EndReason.STOP
    return end_reason


def _compared(recorded: EndReason, told: EndReason) -> Seen:
    if (recorded in SUCCESSES) != (told in SUCCESSES):
        return Seen.FINISH_TOLD if told in SUCCESSES else Seen.FAILURE_TOLD
    return Seen.AS_RECORDED if recorded is told or told in SUCCESSES else Seen.REWORDED
