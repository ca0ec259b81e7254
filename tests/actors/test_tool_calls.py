"""Tool calls that go out: streamed or whole, one after another, with the site's final input."""

import pytest
from actor_parts import SEAL
from actors.told_calls import calls, first, further, more, pieces, start, told, whole


def test_a_streamed_call_goes_out_as_it_comes() -> None:
    made = calls()
    assert start(made) == [first(0, "call_c1")]
    assert more(made, '{"city":') == [further(0, '{"city":')]
    assert more(made, '"Ulm"}') == [further(0, '"Ulm"}')]
    assert told(made) == []
    assert whole(made, arguments='{"city":"Ulm"}') == []
    (event,) = told(made)
    assert (event.index, event.argument_bytes) == (0, 14)
    assert event.tool_call_id == SEAL.digest("call_c1", "tool_call_id")
    assert event.digest == SEAL.digest('{"city":"Ulm"}', "tool_arguments")
    assert event.upstream_call_id is not None
    assert SEAL.unseal(event.upstream_call_id, "tool_call_id") == "c1"


def test_a_call_without_deltas_goes_out_whole() -> None:
    made = calls()
    assert whole(made) == [first(0, "call_c1"), further(0, "{}")]
    assert len(told(made)) == 1


def test_empty_deltas_are_no_arguments() -> None:
    made = calls()
    start(made)
    assert more(made, "") == []
    assert whole(made) == [further(0, "{}")]


def test_nothing_is_told_twice() -> None:
    made = calls()
    start(made)
    assert start(made) == []
    whole(made)
    assert whole(made) == more(made, "late") == []
    assert len(told(made)) == 1
    made.rest()
    assert told(made) == []


def test_calls_side_by_side_go_out_one_after_another() -> None:
    """The openai SDK takes a call for finished when the next one begins, and parses its arguments."""
    made = calls()
    assert start(made, "c1") == [first(0, "call_c1")]
    assert start(made, "c2", "time") == []
    assert more(made, '{"b":', "c2") == []
    assert more(made, '{"a":') == [further(0, '{"a":')]
    assert more(made, "2}", "c2") == []
    assert whole(made, "c2", "time", '{"b":2}') == []
    assert told(made) == []
    assert more(made, "1}") == [further(0, "1}")]
    assert whole(made, arguments='{"a":1}') == [first(1, "call_c2", "time"), further(1, '{"b":2}')]
    assert [event.index for event in told(made)] == [0, 1]
    assert [call.function.name for call in made.given() if call.function] == ["weather", "time"]


# --- the site's final input decides


def test_pieces_that_are_its_beginning_are_completed() -> None:
    made = calls()
    start(made)
    more(made, '{"a": "x')
    assert whole(made, arguments='{"a":"xyz"}') == [further(0, 'yz"}')]
    (event,) = told(made)
    assert event.digest == SEAL.digest('{"a": "xyz"}', "tool_arguments")


def test_pieces_that_mean_the_same_stay_as_they_were_told() -> None:
    made = calls()
    start(made)
    more(made, '{"b":1.0,"a":"\\u4e2d"}')
    assert whole(made, arguments='{"a":"中","b":1}') == []
    assert (made.count, made.belied) == (1, False)


def test_pieces_that_are_something_else_break_the_call_once_they_have_left() -> None:
    made = calls()
    start(made)
    more(made, '{"a":"x"}')
    assert whole(made, arguments='{"a":"y"}') == []
    assert (made.count, made.broken, made.belied) == (0, 1, True)


def test_pieces_that_nobody_has_seen_give_way_to_it() -> None:
    made = calls(streamed=False)
    start(made)
    more(made, '{"a":"x"}')
    whole(made, arguments='{"a":"y"}')
    made.close()
    assert pieces(made) == [first(0, "call_c1"), further(0, '{"a":"y"}')]
    assert not made.belied


@pytest.mark.parametrize(("told_before", "count"), [("", 1), ('{"a":1}', 1), ('{"a":', 0), ("[1]", 0)])
def test_where_the_site_gives_none_the_pieces_count_if_they_are_an_object(
    told_before: str, count: int
) -> None:
    made = calls()
    start(made)
    more(made, told_before)
    whole(made, arguments="")
    assert (made.count, made.belied) == (count, not count)
    whole(made, arguments="")
    assert made.count == count


def test_what_waited_for_a_call_of_the_text_goes_out_at_the_end() -> None:
    made = calls()
    made.began(0, "weather", None)
    assert pieces(made) == [first(0, "call_drawn1")]
    assert whole(made, "c2", "time") == []
    made.close()
    assert pieces(made) == [first(1, "call_c2", "time"), further(1, "{}")]


def test_an_answer_that_fails_tells_the_log_and_gives_the_client_nothing_more() -> None:
    made = calls()
    start(made)
    whole(made, "c2", "time")
    made.rest()
    assert [event.index for event in told(made)] == [1]
    assert pieces(made) == []


def test_a_whole_answer_gets_its_calls_at_the_end_in_the_order_in_which_they_began() -> None:
    made = calls(streamed=False)
    assert start(made) == whole(made, "c2", "time") == more(made, '{"a":') == more(made, "1}") == []
    assert whole(made, arguments='{"a":1}') == []
    made.close()
    assert pieces(made) == [
        first(0, "call_c1"),
        further(0, '{"a":1}'),
        first(1, "call_c2", "time"),
        further(1, "{}"),
    ]
    assert [event.index for event in told(made)] == [0, 1]
    assert [call.id for call in made.given()] == ["call_c1", "call_c2"]


def test_a_call_of_the_text_is_told_by_its_number() -> None:
    made = calls()
    made.began(0, "weather", None)
    made.continued(0, "{}")
    made.became_whole(0)
    made.became_whole(7)
    assert pieces(made) == [first(0, "call_drawn1"), further(0, "{}")]
    (event,) = told(made)
    assert event.upstream_call_id is None
