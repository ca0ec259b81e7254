"""The legal order of a release's steps as one table. `decide`, `evolve`, `docs/release.md` and the tests derive from it.

A release goes forward by `step`, one row at a time, and back to 0 % from everywhere.
"""

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """How far a release has come."""

    NONE = "none"
    """No release was ever recorded."""
    PLANNED = "planned"
    """Recorded; its gate has not passed."""
    AT_0 = "0"
    AT_5 = "5"
    AT_20 = "20"
    AT_50 = "50"
    AT_100 = "100"
    PROMOTED = "promoted"
    """Its version is what the stable processes are to run next. The canary processes keep all shards until they stop."""
    ROLLED_BACK = "rolled_back"
    QUARANTINED = "quarantined"
    """Rolled back by its guard. No other release begins until a person lifts the quarantine."""


class Trigger(StrEnum):
    """What moves a release. A value stays in its history for ever."""

    STARTED = "started"
    CHECKED = "checked"
    """The gate passed."""
    WAIVED = "waived"
    """A person said that the gate need not pass."""
    STEPPED = "stepped"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    QUARANTINED = "quarantined"
    LIFTED = "lifted"


_STEPS: Final = (Stage.AT_0, Stage.AT_5, Stage.AT_20, Stage.AT_50, Stage.AT_100)
_OVER: Final = (Stage.NONE, Stage.PROMOTED, Stage.ROLLED_BACK)
_LIVE: Final = (Stage.PLANNED, *_STEPS, Stage.PROMOTED)
"""Stages from which a release can be rolled back. A promoted one too: the stable processes still run the version before."""

TRANSITIONS: Final[dict[tuple[Stage, Trigger], Stage]] = {
    **{(stage, Trigger.STARTED): Stage.PLANNED for stage in _OVER},
    (Stage.PLANNED, Trigger.CHECKED): Stage.AT_0,
    (Stage.PLANNED, Trigger.WAIVED): Stage.AT_0,
    **{(stage, Trigger.STEPPED): _STEPS[place] for place, stage in enumerate(_STEPS[:-1], 1)},
    (Stage.AT_100, Trigger.PROMOTED): Stage.PROMOTED,
    **{(stage, Trigger.ROLLED_BACK): Stage.ROLLED_BACK for stage in _LIVE},
    **{(stage, Trigger.QUARANTINED): Stage.QUARANTINED for stage in _LIVE},
    (Stage.QUARANTINED, Trigger.LIFTED): Stage.ROLLED_BACK,
}
"""(stage, trigger) -> stage. A pair without a row is refused, or is a repeat."""

_PERCENT: Final = {**{stage: int(stage.value) for stage in _STEPS}, Stage.PROMOTED: 100}


def percent_of(stage: Stage) -> int:
    """The share of fresh sessions, in percent, that the canary channel gets."""
    return _PERCENT.get(stage, 0)
