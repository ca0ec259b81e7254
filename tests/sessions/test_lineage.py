"""Where a history stands, and where a session waits after its answer."""

import pytest
from histories import DIGESTER, REALM, Given, answer, call, calling, lineage, messages, result, user

from mix2api.sessions.lineage import answered_steps, lineage_steps
from mix2api.steps import at_once
from mix2api.vocabulary import Digest

CHAT = [user("one"), answer("first"), user("two"), answer("second")]


def waits_at(asked: list[Given], given: Given) -> tuple[Digest, ...]:
    """Where a session waits that answered a request so."""
    (said,) = messages(given)
    return at_once(answered_steps(lineage(*asked), said, DIGESTER))


def test_a_long_history_is_digested_in_steps_and_stands_where_it_does_in_one() -> None:
    told = [*[user("x" * 1_000)] * 40, answer("first"), user()]
    steps = lineage_steps(messages(*told), REALM, DIGESTER)
    next(steps)
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert done.value.value == lineage(*told)


def test_a_request_without_history_stands_nowhere() -> None:
    stands = lineage({"role": "system", "content": "x"}, user())
    assert (stands.at, stands.has_history) == (None, False)


def test_tool_results_without_an_answer_are_a_history_that_stands_nowhere() -> None:
    stands = lineage(user(), result())
    assert (stands.at, stands.has_history) == (None, True)


@pytest.mark.parametrize("last", [answer("so"), calling("{}")])
def test_a_history_that_ends_with_the_answer_stands_nowhere(last: Given) -> None:
    stands = lineage(user(), answer("first"), user(), last)
    assert (stands.at, stands.has_history, stands.prefill) == (None, True, True)


def test_an_empty_answer_at_the_end_is_no_prefill() -> None:
    assert lineage(*CHAT[:3], answer("")).at == lineage(*CHAT[:3]).at


def test_what_follows_the_last_answer_does_not_change_where_it_stands() -> None:
    stands = lineage(*CHAT, user("three"))
    assert stands.at == lineage(*CHAT, user("else"), user("and more")).at
    assert stands.head != lineage(*CHAT, user("else")).head


def test_a_session_waits_where_the_next_request_stands() -> None:
    (waits,) = waits_at(CHAT[:3], CHAT[3])
    assert waits == lineage(*CHAT, user("three")).at


def test_a_session_does_not_wait_at_an_earlier_or_another_answer() -> None:
    (waits,) = waits_at(CHAT[:3], CHAT[3])
    assert waits != lineage(*CHAT[:2], user("two")).at
    assert waits != lineage(*CHAT[:3], answer("else"), user("three")).at
    assert waits != lineage(user("zero"), *CHAT, user("three")).at


def test_equal_histories_of_two_realms_stand_apart() -> None:
    assert lineage(*CHAT, user()).at != lineage(*CHAT, user(), realm=Digest("6" * 32)).at


def test_a_session_with_text_beside_calls_waits_with_and_without_it() -> None:
    with_text = calling('{"a":1}', text="I look")
    waits = waits_at([user()], with_text)
    assert waits == (
        lineage(user(), with_text, result()).at,
        lineage(user(), calling('{"a": 1}'), result()).at,
    )


def test_two_places_are_enough_however_many_texts_stand_beside_calls() -> None:
    asked = [user(), calling("{}", text="a"), result(), calling("{}", text="b"), result()]
    bare = [user(), calling("{}"), result(), calling("{}"), result()]
    said = calling("{}", text="c")
    waits = waits_at(asked, said)
    assert waits == (
        lineage(*asked, said, result()).at,
        lineage(*bare, calling("{}"), result()).at,
    )


def test_a_later_answer_without_calls_keeps_both_places() -> None:
    asked = [user(), calling("{}", text="a"), result()]
    bare = [user(), calling("{}"), result()]
    assert waits_at(asked, answer("so")) == (
        lineage(*asked, answer("so"), user()).at,
        lineage(*bare, answer("so"), user()).at,
    )


def test_a_request_that_had_dropped_the_texts_waits_without_them_only() -> None:
    bare = [user(), calling("{}"), result()]
    assert waits_at(bare, answer("so")) == (lineage(*bare, answer("so"), user()).at,)


def test_texts_that_are_dropped_here_and_there_are_another_history() -> None:
    asked = [user(), calling("{}", text="a"), result(), calling("{}", text="b"), result()]
    half = [user(), calling("{}"), result(), calling("{}", text="b"), result()]
    assert lineage(*half, answer("so"), user()).at not in waits_at(asked, answer("so"))


def test_after_an_empty_answer_a_session_waits_nowhere() -> None:
    assert waits_at([user()], answer(" ")) == ()


def test_calls_alone_are_an_answer() -> None:
    (waits,) = waits_at([user()], answer(None, tool_calls=[call()]))
    assert waits == lineage(user(), answer("", tool_calls=[call()]), result()).at


@pytest.mark.parametrize(("size", "pauses"), [(999_000, 0), (1_000_000, 1)])
def test_a_long_answer_is_normalised_and_digested_in_steps_of_their_own(size: int, pauses: int) -> None:
    (said,) = messages(answer("a" * size))
    assert len(list(answered_steps(lineage(user()), said, DIGESTER))) == pauses
