"""Results and the calls that they answer: what is accepted, what is refused, and how long results are cut."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.errors import InvalidRequest
from mix2api.tools.checks import check_tools
from mix2api.tools.results import check_results, shortened, without_middle
from mix2api.wire.chat_request import decode_chat_request
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

USER = Message(role="user", content="go")


def asking(*call_ids: str) -> Message:
    calls = [MessageToolCall(id=each, function=FunctionCall(f"f_{each}", "{}")) for each in call_ids]
    return Message(role="assistant", tool_calls=calls)


def told(call_id: str, content: str = "done") -> Message:
    return Message(role="tool", tool_call_id=call_id, content=content)


def legacy(name: str) -> Message:
    return Message(role="assistant", function_call=FunctionCall(name, "{}"))


def legacy_told(name: str) -> Message:
    return Message(role="function", name=name, content="done")


SAID = Message(role="assistant", content="so be it")
SYSTEM = Message(role="system", content="a reminder")

GOOD = {
    "no tools at all": [USER, SAID, USER],
    "one": [USER, asking("a"), told("a")],
    "several, in any order": [USER, asking("a", "b", "c"), told("c"), told("a"), told("b")],
    "a call for each message": [USER, asking("a"), asking("b"), told("b"), told("a")],
    "rounds": [USER, asking("a"), told("a"), asking("b"), told("b"), SAID, USER],
    "a text between": [USER, asking("a", "b"), told("a"), SAID, told("b")],
    "a system message between": [USER, asking("a"), SYSTEM, told("a")],
    "an id that comes again in a later round": [USER, asking("a"), told("a"), asking("a"), told("a")],
    "an id that a model gave twice": [USER, asking("a", "a"), told("a"), told("a")],
    "legacy": [USER, legacy("f"), legacy_told("f"), SAID],
    "legacy, the same again": [USER, legacy("f"), legacy_told("f"), legacy("f"), legacy_told("f")],
    "a legacy result of a call": [USER, asking("a"), legacy_told("f_a")],
    "a custom call": [
        USER,
        Message(
            role="assistant", tool_calls=[MessageToolCall(id="a", type="custom", custom={"name": "grep"})]
        ),
        told("a"),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_results_that_fit_their_calls_are_accepted(name: str) -> None:
    check_results(GOOD[name])


BAD: dict[str, tuple[list[Message], str, list[str]]] = {
    "missing": ([USER, asking("a", "b", "c"), told("a"), told("c")], "no result in the request", ["'b'"]),
    "all missing": ([USER, asking("a", "b")], "no result in the request", ["'a'", "'b'"]),
    "unknown": ([USER, asking("a"), told("z")], "never made", ["'z'"]),
    "duplicate": ([USER, asking("a", "b"), told("a"), told("a")], "more than one result", ["'a'"]),
    "late": ([USER, asking("a"), told("a"), SAID, told("a")], "more than one result", ["'a'"]),
    "before its call": ([USER, told("a"), asking("a")], "no tool call before it", ["'a'"]),
    "without any call": ([USER, told("a")], "no tool call before it", ["'a'"]),
    "unanswered before the user": (
        [USER, asking("a"), USER],
        "no result before the next user message",
        ["'a'"],
    ),
    "answered after the user": (
        [USER, asking("a"), USER, told("a")],
        "before the next user message",
        ["'a'"],
    ),
    "legacy, another name": ([USER, legacy("f"), legacy_told("g")], "never made", ["function 'g'"]),
    "legacy, missing": ([USER, legacy("f"), USER], "before the next user message", ["function 'f'"]),
    "legacy, a name that nobody should see": (
        [USER, legacy("f"), legacy_told("g\n" * 40)],
        "never made",
        ["cannot be shown"],
    ),
    "more than fit": (
        [USER, asking(*(f"c{number}" for number in range(25)))],
        "no result",
        ["'c19' and 5 more"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_other_results_are_refused_with_the_ids_in_question(name: str) -> None:
    messages, why, named = BAD[name]
    with pytest.raises(InvalidRequest) as refused:
        check_results(messages)
    error = refused.value.body()
    assert (error.code, error.param, refused.value.status) == ("tool_call_id_mismatch", "messages", 400)
    assert why in error.message
    assert all(each in error.message for each in named)


@pytest.mark.parametrize("call_id", ["c" * 129, "\u8c03", "a\nb"])
def test_an_id_that_cannot_be_quoted_is_told_by_its_length(call_id: str) -> None:
    with pytest.raises(InvalidRequest, match=f"an id of {len(call_id)} characters"):
        check_results([told(call_id)])


@given(st.permutations([f"c{number}" for number in range(8)]))
def test_the_order_of_results_does_not_count(order: list[str]) -> None:
    check_results([USER, asking(*sorted(order)), *map(told, order)])


@given(st.text(max_size=300), st.integers(1, 200))
def test_no_text_is_longer_than_its_limit(text: str, limit: int) -> None:
    message = told("a", text)
    cut = shortened(message, limit)
    assert shortened(message, 0) is message, "no limit"
    assert len(str(cut.content)) <= limit
    assert (cut is message) == (len(text) <= limit)


def test_both_ends_are_kept_and_what_is_missing_is_said() -> None:
    cut = without_middle("a" * 500 + "b" * 500, 200)
    assert len(cut) == 200
    assert cut.startswith("aaa")
    assert cut.endswith("bbb")
    assert "800 characters left out" in cut


def test_a_limit_too_small_for_the_mark_keeps_the_beginning() -> None:
    assert without_middle("abcdefgh", 3) == "ab\u2026"
    assert without_middle("abcdefgh", 1) == "\u2026"


def test_the_text_of_parts_becomes_one_part_and_other_parts_stay_whole() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:x"}}
    parts = [image, {"type": "text", "text": "a" * 300}, {"type": "text", "text": "b" * 300}, image]
    cut = shortened(Message(role="tool", tool_call_id="a", content=parts), 200)
    assert isinstance(cut.content, list)
    assert [part["type"] for part in cut.content] == ["image_url", "text", "image_url"]
    assert len(cut.content[1]["text"]) == 200
    whole = Message(role="tool", tool_call_id="a", content=parts)
    assert shortened(whole, 600) is whole


def test_texts_by_the_names_of_another_interface_have_the_same_limit() -> None:
    parts = [{"type": "input_text", "text": "x" * 300}, {"type": "text", "text": "y" * 300}]
    cut = shortened(Message(role="tool", tool_call_id="a", content=parts), 200)
    assert isinstance(cut.content, list)
    assert [(part["type"], len(part["text"])) for part in cut.content] == [("input_text", 200)]


CAPTURES = sorted((Path(__file__).parent.parent / "data" / "captures").glob("*.json"))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_what_real_clients_send_is_accepted(capture: Path) -> None:
    sent = msgspec.json.decode(capture.read_bytes())["body"]
    check_tools(decode_chat_request(msgspec.json.encode(sent)))
