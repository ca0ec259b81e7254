"""Tool calls that break, are the site's own, are dropped, or come under an id that was used before."""

import pytest
from actor_parts import SEAL
from actors.told_calls import calls, first, further, more, pieces, start, told, whole

from mix2api.actors.tool_calls import CALLS_MAX


def test_a_native_call_whose_whole_input_never_came_is_broken_when_the_answer_ends() -> None:
    made = calls(streamed=False)
    start(made)
    more(made, '{"path": "/data/x')
    assert whole(made, "c2", "time") == []
    made.cut()
    made.close()
    assert pieces(made) == [first(0, "call_c2", "time"), further(0, "{}")]
    assert [event.index for event in told(made)] == [0]
    assert (made.count, made.broken, made.belied) == (1, 1, False)


@pytest.mark.parametrize("told_before", ["", '{"path": "/data/x', "{}"])
def test_a_cut_call_whose_beginning_has_left_leaves_no_good_ending(told_before: str) -> None:
    made = calls()
    start(made)
    more(made, told_before)
    made.cut()
    assert (made.count, made.broken, made.belied) == (0, 1, True)


def test_a_call_that_the_site_ran_or_broke_itself_was_not_cut() -> None:
    made = calls()
    start(made)
    made.was_run("c1")
    start(made, "c2", "time")
    made.failed("c2", "time")
    made.began(0, "time", None)  # of the text, whose reader tells what was cut
    made.cut()
    assert (made.broken, made.belied) == (1, False)


@pytest.mark.parametrize("upstream_id", ["", "with space", "ü", "x" * 200, "\ud800", "old"])
def test_an_id_that_cannot_be_kept_is_replaced(upstream_id: str) -> None:
    made = calls()
    assert whole(made, upstream_id)[0].call_id == "call_drawn1"
    (event,) = told(made)
    assert event.upstream_call_id is not None
    assert SEAL.unseal(event.upstream_call_id, "tool_call_id") == upstream_id


def test_two_calls_never_share_an_id() -> None:
    made = calls()
    assert [whole(made, each)[0].call_id for each in ("call_a", "a")] == ["call_a", "call_drawn1"]


def test_calls_to_tools_that_nobody_offered_stay_with_the_site() -> None:
    made = calls("weather")
    assert start(made, name="shell") == more(made, "{") == whole(made, name="shell") == []
    assert (made.count, made.withheld, told(made)) == (0, True, [])


def test_a_held_call_that_the_site_ran_is_the_site_s_own() -> None:
    made = calls()
    whole(made, name="shell")
    made.was_run("c1")
    made.step_ended()
    assert (made.dropped, made.count) == (0, 0)


def test_a_held_call_that_nobody_ran_is_dropped_when_its_step_ends() -> None:
    made = calls()
    whole(made, name="shell")
    assert made.dropped == 0
    made.step_ended()
    made.step_ended()
    assert made.dropped == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_a_call_that_the_site_ran_after_all_is_not_the_client_s_to_answer(*, streamed: bool) -> None:
    made = calls(streamed=streamed)
    whole(made)
    made.was_run("c1")
    made.close()
    assert (made.count, made.shown_half) == (0, False)
    assert bool(made.given()) is streamed


def test_one_call_at_a_time_drops_the_others() -> None:
    made = calls(single=True)
    assert start(made) == [first(0, "call_c1")]
    assert start(made, "c2", "time") == whole(made, "c2", "time") == []
    assert whole(made) == [further(0, "{}")]
    made.close()
    assert (made.count, made.dropped) == (1, 1)


def test_one_call_at_a_time_may_come_after_one_that_broke_unseen() -> None:
    made = calls(single=True, streamed=False)
    start(made)
    made.failed("c1", "weather")
    whole(made, "c2", "time")
    made.close()
    assert pieces(made) == [first(0, "call_c2", "time"), further(0, "{}")]


def test_a_broken_call_never_becomes_whole_and_stands_in_nobody_s_way() -> None:
    made = calls()
    start(made)
    more(made, '{"x":')
    whole(made, "c2", "time")
    made.failed("c1", "weather")
    assert pieces(made) == [first(1, "call_c2", "time"), further(1, "{}")]
    assert more(made, "late") == whole(made) == []
    assert [event.index for event in told(made)] == [1]
    assert (made.count, made.broken, made.shown_half) == (1, 1, True)


def test_a_call_that_breaks_before_its_turn_is_never_shown() -> None:
    made = calls()
    start(made)
    start(made, "c2", "time")
    made.failed("c2", "time")
    assert whole(made) == [further(0, "{}")]
    whole(made, "c3", "time")
    assert [event.index for event in told(made)] == [0, 1]
    assert not made.shown_half


def test_a_call_of_the_site_s_own_that_fails_is_not_broken() -> None:
    made = calls()
    made.failed("c1", "shell")
    assert made.broken == 0


def test_a_whole_answer_never_shows_a_broken_call() -> None:
    made = calls(streamed=False)
    start(made)
    more(made, '{"x":')
    made.failed("c1", "weather")
    whole(made, "c2", "time")
    made.close()
    assert pieces(made) == [first(0, "call_c2", "time"), further(0, "{}")]
    (event,) = told(made)
    assert (event.index, event.tool_call_id) == (0, SEAL.digest("call_c2", "tool_call_id"))
    assert [call.id for call in made.given()] == ["call_c2"]
    assert not made.shown_half


def test_an_id_that_the_site_gives_again_names_another_call() -> None:
    made = calls()
    start(made)
    whole(made, arguments='{"city":"Ulm"}')
    (begun,) = start(made, name="time")
    assert (begun.index, begun.name) == (1, "time")
    assert begun.call_id not in {None, "call_c1"}
    assert whole(made, name="time", arguments='{"zone":1}') == [further(1, '{"zone":1}')]
    assert [call.function.arguments for call in made.given()] == ['{"city":"Ulm"}', '{"zone":1}']
    assert [event.index for event in told(made)] == [0, 1]


def test_a_beginning_that_is_told_twice_is_one_call() -> None:
    made = calls()
    start(made)
    assert start(made) == []
    assert made.count == 1


def test_a_whole_call_with_a_used_id_and_other_words_is_another_call() -> None:
    made = calls()
    assert whole(made, arguments='{"city":"Ulm"}') == [first(0, "call_c1"), further(0, '{"city":"Ulm"}')]
    (begun, said) = whole(made, arguments='{"city":"Bonn"}')
    assert (begun.index, said) == (1, further(1, '{"city":"Bonn"}'))
    assert begun.call_id not in {None, "call_c1"}
    (begun, _) = whole(made, name="time", arguments='{"city":"Bonn"}')
    assert (begun.index, begun.name) == (2, "time")


def test_a_whole_call_that_is_told_twice_is_one_call_however_it_is_written() -> None:
    made = calls()
    start(made)
    more(made, '{"city": "Ulm", "n": 1.0}')
    assert whole(made, arguments='{"city":"Ulm","n":1}') == []
    assert whole(made, arguments='{"n":1,"city":"Ulm"}') == []
    assert made.count == 1


def test_an_offered_call_under_the_id_of_one_that_is_held_goes_out() -> None:
    made = calls()
    assert start(made, name="foreign") == []
    assert start(made) == [first(0, "call_c1")]
    made.step_ended()
    assert (made.count, made.dropped) == (1, 1)


def test_a_whole_call_may_be_told_any_number_of_times() -> None:
    made = calls()
    whole(made, arguments='{"a": 1}')
    assert [whole(made, arguments=text) for text in ('{"a":1}', '{ "a":1.0 }', '{"a":1}')] == [[], [], []]
    assert (made.count, made.too_many) == (1, False)


def test_a_call_that_breaks_twice_is_one_that_nobody_answers() -> None:
    made = calls()
    start(made)
    made.broke("c1")
    made.broke("c1")
    assert (made.count, made.shown_half) == (0, True)
    made = calls(single=True, streamed=False)
    start(made)
    made.broke("c1")
    start(made, "c2")
    assert (made.count, made.shown_half) == (1, False)


def test_calls_are_counted_whatever_becomes_of_them() -> None:
    made = calls()
    for number in range(CALLS_MAX):
        start(made, f"held{number}", "not_offered")
        start(made, f"held{number}", "not_offered")  # told again
    assert not made.too_many
    start(made)
    assert made.too_many
