"""Which ids clients may send, and which one a call of the site's gets."""

from itertools import count

import pytest

from mix2api.errors import InvalidRequest
from mix2api.tools.ids import CallIds, check_ids, ids_in, short_id, usable, with_short_ids
from mix2api.wire.turn import Message, MessageToolCall


def asking(*call_ids: str) -> Message:
    return Message(role="assistant", tool_calls=[MessageToolCall(id=each) for each in call_ids])


def giving(*known: str) -> CallIds:
    numbers = count(1)
    return CallIds(lambda: f"call_drawn{next(numbers)}", frozenset(known).__contains__)


FOREIGN = ["call_1|fc_2", "fn__thought__" + "QUJD+/=" * 900, "with space", "\u00fc", "a/b", "new\nline"]


@pytest.mark.parametrize("good", ["call_1", "x", "A.b_c:d-9", "x" * 8192, *FOREIGN])
def test_a_client_s_ids_are_opaque(good: str) -> None:
    check_ids([asking(good), Message(role="tool", tool_call_id=good)])


@pytest.mark.parametrize("bad", ["", "x" * 8193])
def test_ids_that_are_empty_or_without_measure_are_refused_at_their_path_and_not_quoted(bad: str) -> None:
    with pytest.raises(InvalidRequest) as call:
        check_ids([Message(role="user", content="x"), asking("call_1", bad)])
    assert (call.value.param, call.value.status) == ("messages[1].tool_calls[1].id", 400)
    with pytest.raises(InvalidRequest) as result:
        check_ids([Message(role="tool", tool_call_id=bad)])
    assert result.value.param == "messages[0].tool_call_id"
    assert not bad or bad not in result.value.message


def test_the_ids_of_a_history_are_those_of_its_calls() -> None:
    assert ids_in([asking("a", "b"), Message(role="user", content="x"), asking("c")]) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("upstream_id", "ours"),
    [
        ("legacy-1", "call_legacy-1"),
        ("call_9f", "call_9f"),
        ("toolu_1", "call_toolu_1"),
        ("x" * 123, "call_" + "x" * 123),
        ("x" * 124, ""),
        ("call_", ""),
        ("", ""),
        ("with space", ""),
        ("ü", ""),
        ("\ud800", ""),
    ],
)
def test_the_site_s_id_is_kept_where_it_can_be(upstream_id: str, ours: str) -> None:
    assert usable(upstream_id) == ours


def test_an_id_that_repeats_is_renamed() -> None:
    ids = giving()
    assert [ids.give(each) for each in ("a", "call_a", "a", "b")] == [
        "call_a",
        "call_drawn1",
        "call_drawn2",
        "call_b",
    ]


def test_an_id_that_the_conversation_has_already_is_renamed() -> None:
    assert giving("call_a").give("a") == "call_drawn1"


@pytest.mark.parametrize("nothing", [None, "", "not usable"])
def test_a_call_without_a_usable_id_gets_a_drawn_one(nothing: str | None) -> None:
    assert giving().give(nothing) == "call_drawn1"


def test_a_site_is_sent_the_usual_ids_as_they_are_and_short_ones_for_others() -> None:
    assert short_id("call_1") == "call_1"
    short = [short_id(each) for each in (*FOREIGN, "x" * 129, "\ud800")]
    assert len(set(short)) == len(FOREIGN) + 2
    assert short == [short_id(each) for each in (*FOREIGN, "x" * 129, "\ud800")]
    assert all(each == short_id(each) and len(each) == 37 for each in short)


def test_calls_and_results_keep_belonging_together_under_short_ids() -> None:
    asked = with_short_ids(asking("a|b", "call_1"))
    told = with_short_ids(Message(role="tool", tool_call_id="a|b"))
    assert asked.tool_calls is not None
    assert [call.id for call in asked.tool_calls] == [told.tool_call_id, "call_1"]
    plain = asking("call_1")
    assert with_short_ids(plain) is plain
