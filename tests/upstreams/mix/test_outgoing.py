"""The messages that go up, to a site with native tools and to one that is told in words."""

from typing import Any

import pytest
from attrs import evolve

from mix2api.tools.instruction import InstructionPlace
from mix2api.tools.offer import offer_of
from mix2api.upstreams.mix.options import MixOptions, ToolOptions
from mix2api.upstreams.mix.outgoing import outgoing_messages
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

TEXT = MixOptions(base_url="http://site.example")
NATIVE = evolve(TEXT, send_tools=True)
SYSTEM = Message(role="system", content="be kind")
HELLO = Message(role="user", content="hello")
CALL = Message(
    role="assistant", tool_calls=[MessageToolCall(id="call_legacy-1", function=FunctionCall("read", "{}"))]
)
RESULT = Message(role="tool", tool_call_id="call_legacy-1", content="the file")
LEGACY_CALL = Message(role="assistant", function_call=FunctionCall("read", "{}"))
LEGACY_RESULT = Message(role="function", name="read", content="the file")
TOOLS = [{"type": "function", "function": {"name": "read"}}]


def sent(
    history: list[Message],
    options: MixOptions,
    *,
    new: int | None = None,
    ids: dict[str, str] | None = None,
    names: dict[str, str] | None = None,
    same_realm: bool = True,
    **fields: Any,
) -> list[Message]:
    """What goes up of a history: all of it on a fresh session, else the last `new` messages."""
    turn = Turn(**({"model": "m", "messages": history, "tools": TOOLS} | fields))
    call = UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=turn,
        messages=history if new is None else history[-new:],
        session=None if new is None else "s",
        same_realm=same_realm,
        call_ids=ids or {},
        call_names=names or {},
    )
    return outgoing_messages(call, options, offer_of(turn))


HISTORY = [SYSTEM, HELLO, CALL, RESULT]


def test_a_fresh_session_with_native_tools_gets_openai_s_form() -> None:
    assert sent(HISTORY, NATIVE) == HISTORY


def test_a_result_goes_up_under_the_site_s_own_id() -> None:
    (result,) = sent(HISTORY, NATIVE, new=1, ids={"call_legacy-1": "legacy-1"})
    assert result == Message(role="tool", tool_call_id="legacy-1", content="the file")


def test_a_legacy_result_gets_the_id_of_the_site_s_call() -> None:
    history = [HELLO, LEGACY_CALL, LEGACY_RESULT]
    (result,) = sent(history, NATIVE, new=1, ids={"function read": "legacy-1"})
    assert (result.role, result.tool_call_id, result.content) == ("tool", "legacy-1", "the file")


def test_a_legacy_history_goes_up_in_today_s_form() -> None:
    _, call, result = sent([HELLO, LEGACY_CALL, LEGACY_RESULT], NATIVE)
    assert call.tool_calls is not None
    assert call.function_call is None
    assert (result.role, result.tool_call_id) == ("tool", call.tool_calls[0].id)


def test_a_fresh_session_in_words_is_told_behind_the_system_prompt() -> None:
    system, told, hello, call, result = sent(HISTORY, TEXT)
    assert (system, hello) == (SYSTEM, HELLO)
    assert told.role == "system"
    assert '"name":"read"' in str(told.content)
    assert call.content == '{"tool_calls":[{"id":"call_legacy-1","name":"read","arguments":{}}]}'
    assert (result.role, result.name, result.content) == ("tool", "read", "the file")


def test_a_continued_session_in_words_is_not_told_again() -> None:
    (result,) = sent(HISTORY, TEXT, new=1)
    assert (result.role, result.name, result.tool_call_id) == ("tool", "read", "call_legacy-1")


def test_a_result_that_comes_without_its_call_has_the_name_that_the_session_knows() -> None:
    (result,) = sent([RESULT], TEXT, new=1, names={"call_legacy-1": "read"})
    assert (result.name, result.content) == ("read", "the file")


def test_a_session_that_a_name_continues_is_told_of_other_tools_than_it_had() -> None:
    system, _ = sent(HISTORY, TEXT, new=1, same_realm=False)
    assert '"name":"read"' in str(system.content)


def test_where_not_all_tools_are_told_each_turn_tells_its_own() -> None:
    told = {"type": "function", "function": {"name": "write", "description": "writes a file"}}
    options = evolve(TEXT, tools=ToolOptions(instruction=InstructionPlace.MESSAGES, max_count=1))
    wanted = Message(role="user", content="now write")
    system, user = sent(
        [HELLO, Message(role="assistant", content="x"), wanted], options, new=1, tools=[*TOOLS, told]
    )
    assert "writes a file" in str(system.content)
    assert user == wanted


def test_what_holds_for_the_next_answer_stands_before_what_is_new() -> None:
    now, hello = sent([HELLO, Message(role="assistant", content="x"), HELLO], TEXT, new=1, tool_choice="none")
    assert (now.role, now.content) == (
        "system",
        "Do not call any tool in your next answer: answer in plain text.",
    )
    assert hello == HELLO


@pytest.mark.parametrize("place", [InstructionPlace.QUERY, InstructionPlace.NONE])
def test_an_instruction_elsewhere_leaves_the_messages_alone(place: InstructionPlace) -> None:
    options = evolve(TEXT, tools=ToolOptions(instruction=place))
    assert [message.role for message in sent(HISTORY, options)] == ["system", "user", "assistant", "tool"]


def test_a_turn_without_tools_is_not_told_of_any() -> None:
    assert sent([SYSTEM, HELLO], TEXT, tools=None) == [SYSTEM, HELLO]


def test_a_legacy_history_in_words_has_names_and_calls() -> None:
    _, _, call, result = sent([HELLO, LEGACY_CALL, LEGACY_RESULT], TEXT)
    assert '"name":"read"' in str(call.content)
    assert (result.role, result.name) == ("tool", "read")


def test_a_name_that_stands_there_is_kept() -> None:
    named = Message(role="tool", tool_call_id="call_legacy-1", name="mine", content="x")
    assert sent([HELLO, CALL, named], TEXT, new=1)[0].name == "mine"
