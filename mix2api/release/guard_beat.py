"""What the guard of a release says of it: that it lives, and what it has concluded."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from mix2api.release.tested import Tested

BEAT_TESTS: Final = 40
"""Tests in a heartbeat: the strongest. Some 170 bytes each, so that a heartbeat stays below 8 KB."""


class Decision(StrEnum):
    """What the guard has concluded of the step at hand."""

    WAIT = "wait"
    """The evidence is not enough for either word."""
    GO_ON = "go_on"
    ROLL_BACK = "roll_back"


class GuardBeat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One heartbeat of a guard."""

    guard: str
    """Its own name: no other guard acts while this one holds the seat."""
    at_ms: int
    """Unix milliseconds, the guard's wall clock."""
    number: int
    """Of the last event of the release that the guard had seen (`ReleaseState.number`)."""
    decision: Decision
    why: str
    """One line for a person."""
    tests: tuple[Tested, ...] = ()
    """The strongest first, at most `BEAT_TESTS`. Empty: none has begun, or an older guard beats."""
