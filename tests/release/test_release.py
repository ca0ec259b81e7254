"""What each command makes of a release."""

import pytest
from release.releases import ID, WORDS, after, beat, roll_back, start, step, stepped

from mix2api.release.guard_beat import Decision
from mix2api.release.release import (
    Lift,
    Pass,
    ReleaseEvent,
    ReleaseState,
    StepRefused,
    decide,
    evolve,
)
from mix2api.release.stages import Stage, Trigger
from mix2api.vocabulary import Channel

NONE = ReleaseState()


def refusal(state: ReleaseState, command: object) -> str:
    with pytest.raises(StepRefused) as refused:
        decide(state, command)  # type: ignore[arg-type]
    return str(refused.value)


def test_a_release_goes_from_0_to_promoted_and_every_step_says_who_and_why() -> None:
    state = after(NONE, start())
    assert (state.stage, state.percent, state.version, state.stable_version) == (Stage.AT_0, 0, "2.0", "1.9")
    percents = []
    for place in range(4):
        (event,) = decide(state, step(state, who="bob", why=f"step {place}"))
        assert (event.trigger, event.who, event.why) == (Trigger.STEPPED, "bob", f"step {place}")
        state = evolve(state, event)
        percents.append(state.percent)
    assert percents == [5, 20, 50, 100]
    promoted = after(state, step(state, promote=True))
    assert (promoted.stage, promoted.percent, promoted.version) == (Stage.PROMOTED, 100, "2.0")


def test_a_release_whose_gate_has_not_passed_does_not_step() -> None:
    planned = after(NONE, start(without_gate=False))
    assert (planned.stage, planned.percent) == (Stage.PLANNED, 0)
    assert "gate has not passed" in refusal(planned, step(planned))
    passed = Pass(**WORDS, release=ID, evidence="gate/1")
    at_0 = after(planned, passed)
    assert (at_0.stage, at_0.evidence) == (Stage.AT_0, "gate/1")
    assert decide(at_0, passed) == (), "a repeat"
    other = Pass(**WORDS, release="rel-another", evidence="gate/1")
    assert "another release" in refusal(planned, other)


def test_the_second_of_two_steps_at_once_does_nothing_and_says_what_stands() -> None:
    at_0 = after(NONE, start())
    both = step(at_0)
    at_5 = after(at_0, both)
    said = refusal(at_5, both)
    assert "did nothing" in said
    assert "5 %" in said
    assert "ann" in said


def test_there_is_no_step_beyond_100_percent_and_no_promotion_before_it() -> None:
    at_0 = after(NONE, start())
    assert "only a release at 100 %" in refusal(at_0, step(at_0, promote=True)).lower()
    at_100 = stepped(at_0, 4)
    assert "release promote" in refusal(at_100, step(at_100))
    promoted = after(at_100, step(at_100, promote=True))
    assert "start one" in refusal(promoted, step(promoted))
    assert "no release is recorded" in refusal(NONE, step(NONE))


def test_no_step_goes_forward_without_a_guard_that_has_judged_this_one() -> None:
    at_5 = stepped(after(NONE, start()), 1)
    guarded = {"without_guard": False}
    assert "no guard watches" in refusal(at_5, step(at_5, **guarded))
    older = beat(after(NONE, start()))
    assert "not judged this step" in refusal(at_5, step(at_5, guard=older, **guarded))
    for decision in (Decision.WAIT, Decision.ROLL_BACK):
        said = refusal(at_5, step(at_5, guard=beat(at_5, decision), **guarded))
        assert said == f"the guard guard-1 says {decision}: 30 runs seen"
    (event,) = decide(at_5, step(at_5, guard=beat(at_5), **guarded))
    assert event.guard == "guard-1"
    assert decide(at_5, step(at_5))[0].guard == "", "taken without a guard"


def test_the_first_step_needs_a_living_guard_and_no_evidence() -> None:
    at_0 = after(NONE, start())
    waiting = beat(at_0, Decision.WAIT)
    assert decide(at_0, step(at_0, guard=waiting, without_guard=False))
    stopped = beat(at_0, Decision.ROLL_BACK)
    assert "says roll_back" in refusal(at_0, step(at_0, guard=stopped, without_guard=False))


@pytest.mark.parametrize("steps", range(5))
def test_a_rollback_goes_to_0_from_every_step_and_again_does_nothing(steps: int) -> None:
    state = stepped(after(NONE, start()), steps)
    back = after(state, roll_back(evidence="ev-1"))
    assert (back.stage, back.percent, back.evidence) == (Stage.ROLLED_BACK, 0, "ev-1")
    assert decide(back, roll_back()) == ()
    assert decide(state, roll_back("rel-older")) == (), "another release is meant"


def test_after_a_rollback_the_next_release_begins_and_the_older_one_is_not_rolled_back_again() -> None:
    back = after(NONE, start(), roll_back())
    following = after(back, start("rel-2", version="2.1"))
    assert (following.release, following.version, following.stage) == ("rel-2", "2.1", Stage.AT_0)
    assert decide(following, roll_back()) == ()
    assert decide(following, start("rel-2")) == (), "a repeat"


def test_one_release_goes_at_a_time() -> None:
    at_0 = after(NONE, start())
    assert "roll it back first" in refusal(at_0, start("rel-2"))


def test_a_quarantine_holds_until_a_person_lifts_it() -> None:
    held = after(NONE, start(), roll_back(quarantine=True, who="guard-1"))
    assert (held.stage, held.percent) == (Stage.QUARANTINED, 0)
    assert "release lift" in refusal(held, start("rel-2"))
    assert decide(held, roll_back()) == ()
    lift = Lift(**WORDS, release=ID)
    assert decide(held, Lift(**WORDS, release="rel-older")) == (), "another release is meant"
    lifted = after(held, lift)
    assert lifted.stage is Stage.ROLLED_BACK
    assert decide(lifted, lift) == ()
    assert after(lifted, start("rel-2")).stage is Stage.AT_0


def test_an_event_that_cannot_follow_is_refused() -> None:
    at_0 = after(NONE, start())
    stepping = ReleaseEvent(number=9, trigger=Trigger.STEPPED, release=ID, at_ms=1, who="a", why="b")
    with pytest.raises(ValueError, match="cannot follow"):
        evolve(at_0, stepping)
    with pytest.raises(ValueError, match="cannot follow"):
        evolve(NONE, ReleaseEvent(number=1, trigger=Trigger.STEPPED, release=ID, at_ms=1, who="a", why="b"))


def test_a_promoted_release_admits_canary_processes_of_its_own_version_only() -> None:
    at_100 = stepped(after(ReleaseState(), start()), 4)
    assert at_100.admits(Channel.CANARY, "2.1")
    promoted = after(at_100, step(at_100, promote=True))
    assert promoted.admits(Channel.CANARY, "2.0")
    assert not promoted.admits(Channel.CANARY, "2.1")
    assert promoted.admits(Channel.STABLE, "2.1")
    assert after(promoted, start("rel-2", version="2.1")).admits(Channel.CANARY, "2.1")
