"""Native tool calls: what the client gets of them, and what the log is told."""

import pytest
from actor_parts import SEAL

from mix2api.actors.tool_calls import ToolCalls
from mix2api.sessions.dispatch import ToolCallDelta
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted
from mix2api.vocabulary import RunId

RUN = RunId("run_1")


def calls(*offered: str) -> ToolCalls:
    return ToolCalls(RUN, frozenset(offered or ("weather", "time")), SEAL)


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
    assert (made.count, made.refused) == (0, True)


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


@pytest.mark.parametrize("upstream_id", ["", "with space", "ü", "x" * 200, "\ud800"])
def test_an_unusable_id_is_replaced(upstream_id: str) -> None:
    (piece,) = calls().started(ToolInputStarted(upstream_id, "weather"))
    assert piece.call_id == f"call_{SEAL.digest(upstream_id, 'tool_call_id')}"


def test_a_usable_id_is_kept() -> None:
    (piece,) = calls().started(ToolInputStarted("call_9f", "weather"))
    assert piece.call_id == "call_9f"


def test_two_calls_never_share_an_id() -> None:
    made = calls()
    ids = [made.started(ToolInputStarted(each, "weather"))[0].call_id for each in ("call_a", "a")]
    assert ids[0] == "call_a"
    assert len(set(ids)) == 2
