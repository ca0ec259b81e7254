"""The table of a release's steps: forward one row at a time, and back from everywhere."""

import pytest

from mix2api.release.stages import TRANSITIONS, Stage, Trigger, percent_of

_LIVE = (
    *(Stage.PLANNED, Stage.AT_0, Stage.AT_5, Stage.AT_20, Stage.AT_50, Stage.AT_100),
    Stage.PROMOTED,
)


def test_the_steps_are_0_5_20_50_and_100_percent() -> None:
    stage, percents = Stage.AT_0, [0]
    while (stage, Trigger.STEPPED) in TRANSITIONS:
        stage = TRANSITIONS[stage, Trigger.STEPPED]
        percents.append(percent_of(stage))
    assert percents == [0, 5, 20, 50, 100]
    assert TRANSITIONS[stage, Trigger.PROMOTED] is Stage.PROMOTED


@pytest.mark.parametrize("stage", _LIVE)
def test_a_release_goes_back_from_every_stage(stage: Stage) -> None:
    for trigger in (Trigger.ROLLED_BACK, Trigger.QUARANTINED):
        assert percent_of(TRANSITIONS[stage, trigger]) == 0


def test_only_a_promoted_release_and_its_steps_have_a_share() -> None:
    assert {stage for stage in Stage if percent_of(stage)} == {
        *(Stage.AT_5, Stage.AT_20, Stage.AT_50, Stage.AT_100, Stage.PROMOTED)
    }


def test_nothing_begins_over_a_release_that_goes_or_is_in_quarantine() -> None:
    begins = {stage for stage, trigger in TRANSITIONS if trigger is Trigger.STARTED}
    assert begins == {Stage.NONE, Stage.PROMOTED, Stage.ROLLED_BACK}
