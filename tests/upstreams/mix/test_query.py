"""The query of a site that has to be told of tools in words."""

from typing import Any

import msgspec
import pytest
from attrs import evolve

from mix2api.tools.instruction import InstructionPlace
from mix2api.tools.offer import offer_of
from mix2api.upstreams.mix.options import MixOptions, ToolOptions
from mix2api.upstreams.mix.query import query_of
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

OPTIONS = MixOptions(base_url="http://site.example")
HELLO = Message(role="user", content="hello")
CALL = Message(
    role="assistant", tool_calls=[MessageToolCall(id="call_1", function=FunctionCall("read", "{}"))]
)
ANSWER = Message(role="assistant", content="hi")
RESULT = Message(role="tool", tool_call_id="call_1", content="the file")
TOOL = {"type": "function", "function": {"name": "read", "description": "reads " * 20}}


def query(
    *messages: Message,
    options: MixOptions = OPTIONS,
    session: str | None = None,
    same_realm: bool = True,
    call_ids: dict[str, str] | None = None,
    **fields: Any,
) -> str:
    asked = list(messages) or [HELLO]
    turn = Turn(**({"model": "m", "messages": asked, "tools": [TOOL]} | fields))
    call = UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=turn,
        messages=asked if session is None else asked[-1:],
        session=session,
        same_realm=same_realm,
        call_ids=call_ids or {},
    )
    return query_of(call, options, offer_of(turn))


def with_tools(limit: int = 30_000, **fields: Any) -> MixOptions:
    return evolve(OPTIONS, query_max_chars=limit, tools=ToolOptions(**fields))


def test_the_instruction_comes_first_and_then_what_the_user_said() -> None:
    told = query()
    assert told.startswith("You can use the tools")
    assert '"name":"read"' in told
    assert told.endswith("\n\nhello")


def test_a_result_has_the_id_that_the_messages_have_it_under() -> None:
    options = with_tools(instruction=InstructionPlace.QUERY)
    told = query(HELLO, CALL, RESULT, options=options, session="s", call_ids={"call_1": "legacy-1"})
    assert told.endswith("\n\nhello\n\nResult of read (legacy-1):\nthe file")


def test_results_come_last() -> None:
    assert query(HELLO, CALL, RESULT).endswith("\n\nhello\n\nResult of read (call_1):\nthe file")
    options = with_tools(instruction=InstructionPlace.QUERY)
    assert query(HELLO, CALL, RESULT, options=options, session="s").endswith(
        "Result of read (call_1):\nthe file"
    )


def test_what_holds_for_the_next_answer_is_in_it() -> None:
    assert "must be a tool call" in query(tool_choice="required")


@pytest.mark.parametrize("place", [InstructionPlace.MESSAGES, InstructionPlace.NONE])
def test_an_instruction_elsewhere_leaves_the_query_alone(place: InstructionPlace) -> None:
    assert query(HELLO, CALL, RESULT, options=with_tools(instruction=place)) == "hello"


def test_a_site_with_native_tools_is_told_nothing() -> None:
    assert query(options=evolve(OPTIONS, send_tools=True)) == "hello"


@pytest.mark.parametrize("tools", [None, [], [{"type": "mcp", "server_label": "x"}]])
def test_without_functions_there_is_nothing_to_tell(tools: list[dict[str, Any]] | None) -> None:
    assert query(tools=tools) == "hello"


def test_a_context_in_the_query_has_the_results_already() -> None:
    told = query(HELLO, CALL, RESULT, options=evolve(OPTIONS, context_in_query=True))
    assert told.endswith("\n\nuser: hello\ntool: the file")


def test_descriptions_and_the_number_of_tools_are_limited() -> None:
    tools = [{"type": "function", "function": {"name": f"t{n}", "description": "d" * 50}} for n in range(5)]
    told = query(tools=tools, options=with_tools(max_count=2, description_max_chars=9))
    assert ('"name":"t1"' in told, '"name":"t2"' in told) == (True, False)
    assert f'"description":"{"d" * 8}\u2026"' in told


def test_results_give_way_first() -> None:
    result = Message(role="tool", tool_call_id="call_1", content="r" * 5000)
    told = query(HELLO, CALL, result, options=with_tools(1500))
    assert len(told) <= 1500
    assert '"name":"read"' in told
    assert "\n\nhello\n\nResult of read" in told
    assert "characters left out" in told


def test_results_without_room_are_left_to_the_messages() -> None:
    limit = len(query()) + 100
    assert (
        query(
            HELLO,
            CALL,
            Message(role="tool", tool_call_id="call_1", content="r" * 500),
            options=with_tools(limit),
        )
        == query()
    )


def test_a_long_text_loses_its_beginning_before_the_instruction_loses_anything() -> None:
    told = query(Message(role="user", content="old " * 1000 + "new"), options=with_tools(3000))
    assert len(told) == 3000
    assert '"name":"read"' in told
    assert told.endswith("old new")


def test_an_instruction_that_does_not_fit_is_told_in_brief() -> None:
    tools = [
        {
            "type": "function",
            "function": {"name": f"t{n}", "description": "d" * 400, "parameters": {"properties": {"a": {}}}},
        }
        for n in range(10)
    ]
    told = query(tools=tools, options=with_tools(2500))
    assert len(told) <= 2500
    assert "t0(a)\nt1(a)" in told
    assert told.endswith("\n\nhello")


def test_no_limit_is_too_small() -> None:
    for limit in (1, 2, 5, 50):
        assert len(query(HELLO, CALL, RESULT, options=with_tools(limit))) <= limit


# --- a continued session: the site has the messages


@pytest.mark.parametrize("tools", [None, [TOOL]], ids=["no tools", "tools"])
@pytest.mark.parametrize("letter", ["a", '"', "\n", "\x01", "\u4f60", "\U0001f600"])
def test_a_continued_session_s_query_is_short_whatever_the_user_said(
    letter: str, tools: list[dict[str, Any]] | None
) -> None:
    asked = query(Message(role="user", content=letter * 7000 + "?"), session="s", tools=tools)
    assert asked.endswith(f"{letter}?"), "the newest words"
    assert 1100 <= len(msgspec.json.encode(asked)) <= 1202


def test_a_continued_session_is_reminded_of_the_form_and_of_the_names() -> None:
    asked = query(HELLO, CALL, RESULT, session="s")
    assert '{"tool_calls": [{"name": "<tool>"' in asked
    assert asked.endswith("that you were told: read.\n\nhello"), "results go up in the messages"


def test_of_many_tools_it_is_told_how_many_there_are_more() -> None:
    tools = [{"type": "function", "function": {"name": f"tool_number_{number}"}} for number in range(128)]
    asked = query(HELLO, CALL, HELLO, session="s", tools=tools)
    assert "tool_number_0, tool_number_1" in asked
    shown = asked.count("tool_number_")
    assert f" and {128 - shown} more." in asked
    assert len(asked.encode()) <= 1200


def test_what_holds_for_the_next_answer_stands_in_the_reminder() -> None:
    assert "must be a tool call" in query(HELLO, CALL, HELLO, session="s", tool_choice="required")


@pytest.mark.parametrize(
    "options",
    [with_tools(instruction=InstructionPlace.QUERY), with_tools(max_count=1)],
    ids=["the site was told nowhere else", "a choice differs from turn to turn"],
)
def test_a_continued_session_is_told_all_again_where_it_may_not_know(options: MixOptions) -> None:
    tools = [TOOL, {"type": "function", "function": {"name": "write", "description": "writes a file"}}]
    wanted = Message(role="user", content="now write")
    asked = query(HELLO, ANSWER, wanted, session="s", options=options, tools=tools)
    assert "writes a file" in asked


def test_a_session_that_a_name_continues_is_told_of_other_tools_than_it_had() -> None:
    asked = query(HELLO, CALL, HELLO, session="s", same_realm=False)
    assert "You can use the tools listed below" in asked


def test_what_holds_for_the_next_answer_is_whole_or_left_to_the_messages() -> None:
    tools = [{"type": "function", "function": {"name": f"{number}" * 30}} for number in range(100, 228)]
    asked = query(HELLO, CALL, HELLO, session="s", tools=tools, tool_choice="required")
    assert "\n\nYour next answer must be a tool call.\n\nhello" in asked
    allowed = {"mode": "required", "tools": tools}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    asked = query(HELLO, CALL, HELLO, session="s", tools=tools, tool_choice=choice)
    assert "Your next answer" not in asked
    assert len(msgspec.json.encode(asked)) <= 1202


def test_without_messages_the_query_is_all_that_the_site_keeps() -> None:
    turn = Turn(model="m", messages=[Message(role="user", content="a" * 7000)])
    call = UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=[], session="s")
    assert len(query_of(call, OPTIONS, offer_of(turn))) == 7000
