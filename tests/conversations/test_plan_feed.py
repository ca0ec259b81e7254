"""The events of a turn as followers are told them."""

from conversation_turns import TurnInTheMaking, worker

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.events import TurnCreated
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.plan_feed import PlanFeed
from mix2api.conversations.states import Reason
from mix2api.vocabulary import Digest

REF = TurnRef(Digest("a" * 32), 1)


def followed(made: TurnInTheMaking, feed: PlanFeed) -> list[tuple[int, str, bool]]:
    told = [feed.take(event, 0) for event in made.events]
    return [(one.number, one.name, one.is_last) for one in told if one is not None]


def test_a_follower_without_anything_gets_a_baseline_and_then_what_changes_it() -> None:
    made = TurnInTheMaking.planned(worker())
    feed = PlanFeed(REF, ("draft",), 0)
    baseline = feed.baseline(made.turn, 0)
    assert (baseline.name, baseline.number, baseline.is_last) == ("baseline", made.turn.version, False)
    assert baseline.data["tasks"][0]["nodeId"] == "draft"
    made.claim(0)
    made.tell(StopTurn(at_ms=9000, why=Reason.CANCELLED))
    told = followed(made, feed)
    assert [number for number, *_ in told] == list(range(baseline.number + 1, made.turn.version + 1))
    assert told[1][1] == "task_claimed"
    assert [is_last for *_, is_last in told] == [False] * (len(told) - 1) + [True]


def test_a_follower_that_comes_again_gets_what_came_after_its_last_event() -> None:
    made = TurnInTheMaking.planned(worker())
    made.run(0)
    assert [number for number, *_ in followed(made, PlanFeed(REF, (), 5))] == list(
        range(6, made.turn.version + 1)
    )


def test_events_of_tasks_show_the_task_and_those_of_attempts_the_execution() -> None:
    made = TurnInTheMaking.planned(worker())
    made.run(0)
    feed = PlanFeed(REF, (), 0)
    told = {one.name: one.data for event in made.events if (one := feed.take(event, 0)) is not None}
    assert (told["task"]["task"]["status"], "execution" in told["task"]) == ("COMPLETED", False)
    assert told["execution_ended"]["execution"]["status"] == "COMPLETED"
    assert told["task_claimed"]["execution"]["attempt"] == 1
    assert "task" not in told["plan_made"]


def test_other_turns_events_are_not_told() -> None:
    made = TurnInTheMaking.accepted()
    feed = PlanFeed(REF, (), 0)
    assert [feed.take(event, 0) is None for event in made.events] == [True, False]
    assert feed.take(TurnCreated(turn=2, at_ms=3), 0) is None
    state = TurnInTheMaking.accepted().turn
    assert "plan" not in feed.baseline(state, 0).data
