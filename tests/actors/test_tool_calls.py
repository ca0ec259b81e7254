"""Native tool calls: what the client gets of them, and what the log is told."""

from itertools import count

import pytest
from actor_parts import SEAL

from mix2api.actors.tool_calls import CallRules, ToolCalls
from mix2api.sessions.dispatch import ToolCallDelta
from mix2api.tools.ids import CallIds
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted
from mix2api.vocabulary import RunId

RUN = RunId("run_1")


def calls(*offered: str, single: bool = False, streamed: bool = True) -> ToolCalls:
    numbers = count(1)
    rules = CallRules(
        callable_names=frozenset(offered or ("weather", "time")),
        ids=CallIds(lambda: f"call_drawn{next(numbers)}", {"call_old"}.__contains__),
        single=single,
        streamed=streamed,
    )
    return ToolCalls(RUN, SEAL, rules)


def test_a_streamed_call_goes_out_as_it_comes() -> None:
    made = calls()
    assert made.started(ToolInputStarted("c1", "weather")) == [
        ToolCallDelta(index=0, call_id="call_c1", name="weather")
    ]
    assert made.delta(ToolInputDelta("c1", '{"city":')) == [ToolCallDelta(index=0, arguments='{"city":')]
    assert made.delta(ToolInputDelta("c1", '"Ulm"}')) == [ToolCallDelta(index=0, arguments='"Ulm"}')]
    pieces, (told,) = made.available(ToolInputAvailable("c1", "weather", '{"city":"Ulm"}'))
    assert pieces == []
    assert (told.index, told.argument_bytes) == (0, 14)
    assert told.tool_call_id == SEAL.digest("call_c1", "tool_call_id")
    assert told.digest == SEAL.digest('{"city":"Ulm"}', "tool_arguments")
    assert told.upstream_call_id is not None
    assert SEAL.unseal(told.upstream_call_id, "tool_call_id") == "c1"


def test_a_call_without_deltas_goes_out_whole() -> None:
    pieces, told = calls().available(ToolInputAvailable("c1", "weather", "{}"))
    assert pieces == [
        ToolCallDelta(index=0, call_id="call_c1", name="weather"),
        ToolCallDelta(index=0, arguments="{}"),
    ]
    assert len(told) == 1


def test_empty_deltas_are_no_arguments() -> None:
    made = calls()
    made.started(ToolInputStarted("c1", "weather"))
    made.delta(ToolInputDelta("c1", ""))
    pieces, _ = made.available(ToolInputAvailable("c1", "weather", "{}"))
    assert pieces == [ToolCallDelta(index=0, arguments="{}")]


def test_nothing_is_told_twice() -> None:
    made = calls()
    made.started(ToolInputStarted("c1", "weather"))
    assert made.started(ToolInputStarted("c1", "weather")) == []
    made.available(ToolInputAvailable("c1", "weather", "{}"))
    assert made.available(ToolInputAvailable("c1", "weather", "{}")) == ([], [])
    assert made.delta(ToolInputDelta("c1", "late")) == []
    assert made.rest() == []


def test_calls_to_tools_that_nobody_offered_stay_with_the_site() -> None:
    made = calls("weather")
    assert made.started(ToolInputStarted("c1", "shell")) == []
    assert made.delta(ToolInputDelta("c1", "{")) == []
    assert made.available(ToolInputAvailable("c1", "shell", "{}")) == ([], [])
    assert (made.count, made.withheld) == (0, True)


def test_parallel_calls_are_told_in_the_order_of_their_indexes() -> None:
    """The second is whole first; the log counts calls by index, and would take the first for a repeat."""
    made = calls()
    made.started(ToolInputStarted("c1", "weather"))
    made.started(ToolInputStarted("c2", "time"))
    assert made.available(ToolInputAvailable("c2", "time", "{}"))[1] == []
    assert [call.index for call in made.available(ToolInputAvailable("c1", "weather", "{}"))[1]] == [0, 1]
    assert [call.function.name for call in made.given() if call.function] == ["weather", "time"]


def test_what_waited_for_a_call_that_never_became_whole_is_told_at_the_end() -> None:
    made = calls()
    made.started(ToolInputStarted("c1", "weather"))
    assert made.available(ToolInputAvailable("c2", "time", "{}"))[1] == []
    assert [call.index for call in made.rest()] == [1]
    assert made.rest() == []


@pytest.mark.parametrize("upstream_id", ["", "with space", "ü", "x" * 200, "\ud800", "old"])
def test_an_id_that_cannot_be_kept_is_replaced(upstream_id: str) -> None:
    made = calls()
    (piece,) = made.started(ToolInputStarted(upstream_id, "weather"))
    assert piece.call_id == "call_drawn1"
    _, (told,) = made.available(ToolInputAvailable(upstream_id, "weather", "{}"))
    assert told.upstream_call_id is not None
    assert SEAL.unseal(told.upstream_call_id, "tool_call_id") == upstream_id


def test_two_calls_never_share_an_id() -> None:
    made = calls()
    ids = [made.started(ToolInputStarted(each, "weather"))[0].call_id for each in ("call_a", "a")]
    assert ids == ["call_a", "call_drawn1"]


def test_a_held_call_that_the_site_ran_is_the_site_s_own() -> None:
    made = calls()
    made.available(ToolInputAvailable("c1", "shell", "{}"))
    made.was_run("c1")
    made.step_ended()
    assert (made.dropped, made.count) == (0, 0)


def test_a_held_call_that_nobody_ran_is_dropped_when_its_step_ends() -> None:
    made = calls()
    made.available(ToolInputAvailable("c1", "shell", "{}"))
    assert made.dropped == 0
    made.step_ended()
    made.step_ended()
    assert made.dropped == 1


def test_a_call_that_the_site_ran_after_all_is_not_the_client_s_to_answer() -> None:
    made = calls()
    made.available(ToolInputAvailable("c1", "weather", "{}"))
    made.was_run("c1")
    assert made.count == 0


def test_one_call_at_a_time_drops_the_others() -> None:
    made = calls(single=True)
    assert made.started(ToolInputStarted("c1", "weather"))
    assert made.started(ToolInputStarted("c2", "time")) == []
    assert made.available(ToolInputAvailable("c2", "time", "{}")) == ([], [])
    made.available(ToolInputAvailable("c1", "weather", "{}"))
    made.close()
    assert (made.count, made.dropped) == (1, 1)


def test_a_broken_call_never_becomes_whole_and_stands_in_nobody_s_way() -> None:
    made = calls()
    made.started(ToolInputStarted("c1", "weather"))
    made.delta(ToolInputDelta("c1", '{"x":'))
    made.failed("c1", "weather")
    assert made.delta(ToolInputDelta("c1", "late")) == []
    assert [call.index for call in made.available(ToolInputAvailable("c2", "time", "{}"))[1]] == [1]
    assert (made.count, made.broken, made.shown_half) == (1, 1, True)


def test_a_call_of_the_site_s_own_that_fails_is_not_broken() -> None:
    made = calls()
    made.failed("c1", "shell")
    assert made.broken == 0


def test_a_whole_answer_gets_its_calls_at_the_end_in_the_order_in_which_they_began() -> None:
    made = calls(streamed=False)
    assert made.started(ToolInputStarted("c1", "weather")) == []
    assert made.available(ToolInputAvailable("c2", "time", "{}")) == ([], [])
    assert made.delta(ToolInputDelta("c1", '{"a":')) == []
    assert made.delta(ToolInputDelta("c1", "1}")) == []
    assert made.available(ToolInputAvailable("c1", "weather", "{}")) == ([], [])
    assert made.close() == [
        ToolCallDelta(index=0, call_id="call_c1", name="weather"),
        ToolCallDelta(index=0, arguments='{"a":1}'),
        ToolCallDelta(index=1, call_id="call_c2", name="time"),
        ToolCallDelta(index=1, arguments="{}"),
    ]
    assert [call.index for call in made.rest()] == [0, 1]
    assert [call.id for call in made.given()] == ["call_c1", "call_c2"]


def test_a_whole_answer_never_shows_a_broken_call() -> None:
    made = calls(streamed=False)
    made.started(ToolInputStarted("c1", "weather"))
    made.delta(ToolInputDelta("c1", '{"x":'))
    made.failed("c1", "weather")
    made.available(ToolInputAvailable("c2", "time", "{}"))
    assert made.close() == [
        ToolCallDelta(index=0, call_id="call_c2", name="time"),
        ToolCallDelta(index=0, arguments="{}"),
    ]
    assert [(call.index, call.tool_call_id) for call in made.rest()] == [
        (0, SEAL.digest("call_c2", "tool_call_id"))
    ]
    assert [call.id for call in made.given()] == ["call_c2"]
    assert not made.shown_half


def test_a_call_of_the_text_is_told_by_its_number() -> None:
    made = calls()
    assert made.began(0, "weather", None) == [ToolCallDelta(index=0, call_id="call_drawn1", name="weather")]
    assert made.continued(0, "{}") == [ToolCallDelta(index=0, arguments="{}")]
    (told,) = made.became_whole(0)
    assert told.upstream_call_id is None
    assert made.became_whole(7) == []
