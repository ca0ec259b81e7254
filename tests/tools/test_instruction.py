"""What a site without native tools is told, in words."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.tools.choice import CallMode, Choice
from mix2api.tools.instruction import (
    InstructionPlace,
    brief_standing,
    calls_text,
    for_now,
    reminder,
    results_text,
    selected,
    standing,
    text_of,
    with_calls_in_text,
)
from mix2api.tools.offer import FunctionTool, Offer
from mix2api.tools.results import names_of_calls
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import CallArguments, CallBegan
from mix2api.tools.text.recognition import recognise
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "line": {"type": "integer"}}}
READ = FunctionTool("read", "reads a file", SCHEMA)
WAIT = FunctionTool("wait")


def calling(*calls: tuple[str, str, str], content: Any = None) -> Message:
    made = [MessageToolCall(id=id_, function=FunctionCall(name, given)) for id_, name, given in calls]
    return Message(role="assistant", content=content, tool_calls=made)


def user(text: str) -> Message:
    return Message(role="user", content=text)


def turn(*messages: Message) -> Turn:
    return Turn(model="m", messages=list(messages))


def test_the_site_is_told_the_form_and_every_tool_on_a_line() -> None:
    told = standing([READ, WAIT], 500)
    assert '{"tool_calls": [{"name": "<tool>"' in told
    assert '{"final": ' in told
    read, wait = told.splitlines()[-2:]
    assert msgspec.json.decode(read) == {"name": "read", "description": "reads a file", "parameters": SCHEMA}
    assert msgspec.json.decode(wait) == {"name": "wait"}


def test_a_long_description_loses_its_end() -> None:
    assert '"description":"read\u2026"' in standing([READ], 5)
    assert '"description":"reads a file"' in standing([READ], 0)


def test_the_brief_form_names_parameters_only() -> None:
    assert brief_standing([READ, WAIT]).splitlines()[-2:] == ["read(path, line)", "wait()"]


@pytest.mark.parametrize(
    ("choice", "single", "words"),
    [
        (Choice(), False, []),
        (Choice(CallMode.NEVER), True, ["Do not call any tool"]),
        (Choice(CallMode.ALWAYS), False, ["must be a tool call"]),
        (
            Choice(CallMode.ALWAYS, frozenset({"read"})),
            False,
            ["must be a tool call", "only call: read."],
        ),
        (Choice(CallMode.FREELY, frozenset({"gone"})), False, ["only call: nothing."]),
        (Choice(), True, ["at most one tool call"]),
    ],
)
def test_what_holds_for_the_next_answer_is_told_apart(
    choice: Choice, *, single: bool, words: list[str]
) -> None:
    told = for_now(Offer(functions=(READ, WAIT), choice=choice, single=single))
    assert bool(told) is bool(words)
    assert all(word in told for word in words)


TEN = tuple(FunctionTool(f"tool_{number}") for number in range(10))


@pytest.mark.parametrize(
    ("choice", "messages", "kept"),
    [
        (Choice(), [user("x")], ["tool_0", "tool_1", "tool_2"]),
        (Choice(), [user("use tool_8 please")], ["tool_0", "tool_1", "tool_8"]),
        (Choice(), [calling(("c", "tool_7", "{}")), user("x")], ["tool_0", "tool_1", "tool_7"]),
        (
            Choice(CallMode.ALWAYS, frozenset({"tool_9"})),
            [calling(("c", "tool_7", "{}")), user("tool_8")],
            ["tool_7", "tool_8", "tool_9"],
        ),
    ],
)
def test_the_tools_that_matter_are_kept(choice: Choice, messages: list[Message], kept: list[str]) -> None:
    offer = Offer(functions=TEN, choice=choice)
    assert [tool.name for tool in selected(offer, turn(*messages), 3)] == kept
    assert selected(offer, turn(*messages), None) == TEN
    assert selected(offer, turn(*messages), 10) == TEN


def test_the_text_of_a_message_is_that_of_its_text_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    assert text_of(Message(role="user", content=parts)) == "a\nb"
    assert text_of(Message(role="user")) == ""


def test_calls_stand_in_the_text_as_the_site_would_have_written_them() -> None:
    message = calling(("call_1", "read", '{"n": 1.0, "a": [2]}'), ("call_2", "wait", ""), content="I look.")
    told = with_calls_in_text(message)
    assert told.content == (
        'I look.\n{"tool_calls":[{"id":"call_1","name":"read","arguments":{"n": 1.0, "a": [2]}},'
        '{"id":"call_2","name":"wait","arguments":{}}]}'
    )
    assert told.tool_calls == message.tool_calls
    assert with_calls_in_text(calling(("c", "wait", "{}"))).content == (
        '{"tool_calls":[{"id":"c","name":"wait","arguments":{}}]}'
    )


def test_arguments_that_are_no_json_stand_as_text() -> None:
    call = MessageToolCall(id="c", function=FunctionCall("f", '{"x":'))
    assert calls_text([call]) == '{"tool_calls":[{"id":"c","name":"f","arguments":"{\\"x\\":"}]}'


def test_messages_without_calls_stay_as_they_are() -> None:
    plain = Message(role="assistant", content="x")
    custom = Message(role="assistant", tool_calls=[MessageToolCall(id="c", type="custom", custom={})])
    assert with_calls_in_text(plain) is plain
    assert with_calls_in_text(custom) is custom


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), min_size=1, max_size=4))
def test_what_is_written_is_what_is_read_again(arguments: list[dict[str, Any]]) -> None:
    calls = [
        MessageToolCall(
            id=f"call_{number}", function=FunctionCall("read", msgspec.json.encode(given).decode())
        )
        for number, given in enumerate(arguments)
    ]
    pieces = recognise(calls_text(calls), OfferedTools(names=frozenset({"read"})))
    began = [piece.given_id for piece in pieces if isinstance(piece, CallBegan)]
    texts = [
        "".join(p.text for p in pieces if isinstance(p, CallArguments) and p.index == n)
        for n in range(len(calls))
    ]
    assert began == [call.id for call in calls]
    assert [msgspec.json.decode(text) for text in texts] == arguments


def test_the_newest_results_are_told_with_their_tools_names() -> None:
    history = [user("x"), calling(("call_1", "read", "{}"), ("call_2", "wait", "{}"))]
    results = [
        Message(role="tool", tool_call_id="call_2", content="waited"),
        Message(role="tool", tool_call_id="call_1", content="text"),
    ]
    assert results_text(results, names_of_calls(history), {}) == (
        "Result of wait (call_2):\nwaited\n\nResult of read (call_1):\ntext"
    )
    assert results_text([*results, user("and?")], names_of_calls(history), {}) == ""


def test_results_are_told_under_the_site_s_own_ids_where_they_are_known() -> None:
    call = MessageToolCall(id="call_0f", function=FunctionCall("read", "{}"))
    history = [Message(role="assistant", tool_calls=[call])]
    result = Message(role="tool", tool_call_id="call_0f", content="text")
    assert (
        results_text([result], names_of_calls(history), {"call_0f": "legacy-1"})
        == "Result of read (legacy-1):\ntext"
    )


def test_a_legacy_result_is_told_by_its_name() -> None:
    history = [Message(role="assistant", function_call=FunctionCall("read"))]
    result = Message(role="function", name="read", content="text")
    assert results_text([result], names_of_calls(history), {}) == "Result of read (function read):\ntext"


@pytest.mark.parametrize(
    ("place", "in_query", "in_messages"),
    [("query", True, False), ("messages", False, True), ("both", True, True), ("none", False, False)],
)
def test_the_places_of_an_instruction(place: str, *, in_query: bool, in_messages: bool) -> None:
    told = InstructionPlace(place)
    assert (told.in_query, told.in_messages) == (in_query, in_messages)


def test_a_reminder_has_as_many_names_as_there_is_room_for() -> None:
    tools = [FunctionTool(name=f"tool_{number}", description=None, parameters=None) for number in range(100)]
    assert reminder(tools[:2], 700).endswith(" that you were told: tool_0, tool_1.")
    told = reminder(tools, 400)
    assert len(told.encode()) <= 400
    assert told.endswith(f" and {100 - told.count(' tool_')} more.")


def test_a_message_s_text_is_its_text_parts_whatever_they_are_called() -> None:
    parts = [
        {"type": "input_text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:,"}, "text": "no"},
        {"type": "text", "text": "b"},
        {"type": "output_text", "text": 5},
    ]
    assert text_of(Message(role="user", content=parts)) == "a\nb"
