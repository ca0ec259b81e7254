"""The counters of service levels, and which of them a run's ending raises.

How a run ended and what became of that is one word, `<end_reason> <stream> <receipt> <told>`. A day of a million runs has some
hundred such words, so each word is judged once.
"""

from enum import IntEnum
from functools import lru_cache
from typing import Final

from mix2api.endings import ENDINGS
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.vocabulary import EndReason, Fault, Receipt


class Count(IntEnum):
    """A cell's counters, by their place."""

    ENDED = 0
    """Runs that ended."""
    ASKED = 1
    """Runs and refused requests that were ours to serve."""
    SERVED = 2
    """Of these: they succeeded."""
    CLIENT_FAULTS = 3
    """Runs and refused requests that failed by their client's fault. They are in no denominator."""
    STAYED = 4
    """Streams whose client stayed."""
    DONE = 5
    """Of these: the ending in the log was written whole."""
    BROKEN = 6
    """Of these: the log and the client disagree, or nobody knows what the client got of a good end."""
    UNKNOWN = 7
    """Runs that ended without a known reason, and entries that cannot be read."""
    LOOPS = 8
    """Tool loops that count: closed or broken."""
    CLOSED = 9


LEFT: Final = frozenset({EndReason.CLIENT_ABORT, EndReason.SUPERSEDED})
"""Endings that are their client's doing and no failure: they are in no denominator."""
_RECEIPTS: Final = frozenset(str(word) for word in Receipt)
_REASONS: Final = frozenset(str(word) for word in EndReason)
_GIVEN: Final = frozenset({Seen.AS_RECORDED, Seen.REWORDED})


def ending_word(end: str, receipt: str | None, told: str | None) -> str:
    """How a run ended, and what became of that. What this version does not know proves nothing, and is `-`.

    Args:
        end: its `end_reason`, and 1 for a stream.
        receipt: a `Receipt`, or None where there is none.
        told: the `end_reason` under which the client was given its ending.
    """
    known = receipt if receipt in _RECEIPTS else "-"
    return f"{end} {known} {told if told in _REASONS else '-'}"


def is_success(word: str) -> bool:
    """Whether the run ended well, and its client was given that ending."""
    return _judged(word).is_success


@lru_cache(maxsize=4096)
def _judged(word: str) -> Judged:
    end_reason, _, receipt, told = word.split(" ")
    return judged(EndReason(end_reason), receipt, told)


@lru_cache(maxsize=4096)
def outcome(word: str) -> tuple[str, tuple[Count, ...]]:
    """What the client was told, and the counters that go up."""
    ending, (recorded, stream, *_) = _judged(word), word.split(" ")
    reason = ending.reason
    waited = ending.seen is not Seen.NOBODY_WAITED
    is_counted = waited and reason not in LEFT
    is_clients = ENDINGS[reason].fault is Fault.CLIENT
    stayed = stream == "1" and waited and recorded != EndReason.CLIENT_ABORT
    counts = {
        Count.ENDED: True,
        Count.UNKNOWN: recorded == EndReason.UNKNOWN,
        Count.CLIENT_FAULTS: is_counted and is_clients,
        Count.ASKED: is_counted and not is_clients,
        Count.SERVED: is_counted and ending.is_success,
        Count.STAYED: stayed,
        Count.DONE: stayed and ending.seen in _GIVEN,
        Count.BROKEN: stayed and (ending.is_mismatched or ending.is_unconfirmed),
    }
    return reason.value, tuple(place for place, counts_up in counts.items() if counts_up)
