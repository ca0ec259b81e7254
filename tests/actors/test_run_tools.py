"""Calls of a whole run: their ids in the conversation and on the site, results on their way back, text that is read."""

from typing import Any

import pytest
from actor_parts import BEGINNING, SEAL, Bench, ended, submission, text_of, turn, working

from mix2api.actors.run_tools import result_ids, result_names
from mix2api.events.kinds import ToolCall, ToolResult, Usage
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.state import CalledTool, SessionState
from mix2api.sessions.worker_port import Accepted, ReasoningDelta, Reply, Submission, TextDelta, ToolCallDelta
from mix2api.store.memory import MemoryEventLog
from mix2api.tools.apologies import CHINESE, ENGLISH
from mix2api.upstreams.port import Finished, Text, ToolInputAvailable, UpstreamEvent, UsageSeen
from mix2api.upstreams.scripted import Hang, Script
from mix2api.vocabulary import Detail, EndReason, FinishReason, Sealed, SessionId
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

TOOLS = [{"type": "function", "function": {"name": "read"}}]
USER = Message(role="user", content="go")


def script(*said: UpstreamEvent) -> Script:
    return [BEGINNING, list(said), [Finished("tool-calls")]]


def reading(upstream_id: str) -> Script:
    return script(ToolInputAvailable(upstream_id, "read", "{}"))


def asking(*messages: Message, session: str | None = None, **fields: Any) -> Submission:
    content = turn(messages=list(messages) or [USER], tools=TOOLS, **fields)
    return submission(content, session_id=None if session is None else SessionId(session))


def called(call_id: str) -> Message:
    call = MessageToolCall(id=call_id, function=FunctionCall("read", "{}"))
    return Message(role="assistant", tool_calls=[call])


def result(call_id: str) -> Message:
    return Message(role="tool", tool_call_id=call_id, content="done")


def call_ids(replies: list[Reply]) -> list[str]:
    return [reply.call_id for reply in replies if isinstance(reply, ToolCallDelta) and reply.call_id]


def session_of(replies: list[Reply]) -> str:
    accepted = replies[0]
    assert isinstance(accepted, Accepted)
    return accepted.session_id


async def test_a_result_finds_back_to_the_site_s_own_id_also_after_a_restart() -> None:
    log: MemoryEventLog
    async with working(reading("legacy-1")) as bench:
        replies = await bench.ask(asking())
        assert call_ids(replies) == ["call_legacy-1"]
        session, log = session_of(replies), bench.log
    messages = [USER, called("call_legacy-1"), result("call_legacy-1")]
    async with working(script(Text("done")), log=log) as bench:
        again = await bench.ask(asking(*messages, session=session))
        assert session_of(again) == session
        (call,) = bench.upstream.calls
        assert (call.session, call.call_ids) == ("site-session", {"call_legacy-1": "legacy-1"})
        assert [message.role for message in call.messages] == ["tool"]


async def test_a_legacy_result_finds_back_by_its_name() -> None:
    legacy = Message(role="assistant", function_call=FunctionCall("read", "{}"))
    told = Message(role="function", name="read", content="done")
    async with working(reading("legacy-1"), script(Text("done"))) as bench:
        session = session_of(await bench.ask(asking(legacy_functions=True)))
        await bench.ask(asking(USER, legacy, told, session=session, legacy_functions=True))
        assert bench.upstream.calls[1].call_ids == {"function read": "legacy-1"}


async def test_a_fresh_session_is_given_the_calls_under_the_client_s_ids() -> None:
    async with working(script(Text("done"))) as bench:
        await bench.ask(asking(USER, called("call_x"), result("call_x")))
        assert bench.upstream.calls[0].call_ids == {}


async def test_an_id_that_the_history_has_is_given_to_no_other_call() -> None:
    async with working(reading("legacy-1")) as bench:
        (call_id,) = call_ids(await bench.ask(asking(USER, called("call_legacy-1"), result("call_legacy-1"))))
        assert call_id != "call_legacy-1"
        assert len(call_id) == len("call_") + 32


async def test_an_id_that_the_session_remembers_is_given_to_no_other_call() -> None:
    """A named session's requests carry no history."""
    async with working(reading("same"), reading("same")) as bench:
        first = await bench.ask(asking())
        second = await bench.ask(asking(session=session_of(first)))
        ids = call_ids(first) + call_ids(second)
        assert ids[0] == "call_same"
        assert len(set(ids)) == 2


async def test_calls_and_results_are_recorded_under_the_same_digests() -> None:
    async with working(reading("legacy-1"), script(Text("done"))) as bench:
        session = session_of(await bench.ask(asking()))
        await bench.ask(asking(USER, called("call_legacy-1"), result("call_legacy-1"), session=session))
        (call,) = [event for event in bench.events() if isinstance(event, ToolCall)]
        (told,) = [event for event in bench.events() if isinstance(event, ToolResult)]
        assert call.tool_call_id == told.tool_call_id == SEAL.digest("call_legacy-1", "tool_call_id")


IN_TEXT = '{"tool_calls":[{"name":"read","arguments":{}},{"name":"read","arguments":{}}]}'


async def test_text_is_read_where_the_site_has_no_native_tools() -> None:
    async with working(script(Text(IN_TEXT)), tools_in_text=True) as bench:
        replies = await bench.ask(asking())
        assert len(call_ids(replies)) == 2
        assert text_of(replies) == ""
        assert ended(replies).finish_reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {}),
        ({"tools_in_text": True}, {"tools": None}),
        ({"tools_in_text": True}, {"tools": [{"type": "mcp"}]}),
    ],
)
async def test_text_is_not_read_where_nothing_is_to_be_called(
    options: dict[str, Any], fields: dict[str, Any]
) -> None:
    content = turn(**({"tools": TOOLS} | fields))
    async with working([BEGINNING, [Text(IN_TEXT)], [Finished("stop")]], **options) as bench:
        assert text_of(await bench.ask(submission(content))) == IN_TEXT


LEGACY = Message(role="assistant", function_call=FunctionCall("read", "{}"))
LEGACY_RESULT = Message(role="function", name="read", content="done")


@pytest.mark.parametrize("history", [[called("call_x"), result("call_x")], [LEGACY, LEGACY_RESULT]])
@pytest.mark.parametrize(
    ("said", "shown"), [(IN_TEXT, ENGLISH.not_there), ('{"final": "done"}', "done"), ("done", "done")]
)
async def test_a_site_that_is_given_calls_in_text_is_read_even_if_the_request_has_no_tools(
    said: str, shown: str, history: list[Message]
) -> None:
    content = turn(messages=[USER, *history], tools=None)
    async with working(script(Text(said)), tools_in_text=True) as bench:
        replies = await bench.ask(submission(content))
        assert (text_of(replies), call_ids(replies)) == (shown, [])
        assert ended(replies).finish_reason is FinishReason.STOP


async def test_a_legacy_caller_gets_one_call() -> None:
    async with working(script(Text(IN_TEXT)), tools_in_text=True) as bench:
        replies = await bench.ask(asking(legacy_functions=True))
        assert len(call_ids(replies)) == 1
        assert bench.ends()[0].detail == Detail.DROPPED_CALL


async def test_a_call_that_the_choice_forbids_is_dropped() -> None:
    async with working(reading("c")) as bench:
        replies = await bench.ask(asking(tool_choice="none"))
        assert call_ids(replies) == []
        assert (bench.ends()[0].end_reason, bench.ends()[0].detail) == (EndReason.STOP, Detail.DROPPED_CALL)


async def test_a_broken_call_is_an_apology_and_a_detail_of_the_end() -> None:
    async with working(script(Text('{"tool_calls":[{"arguments":{}}]}')), tools_in_text=True) as bench:
        replies = await bench.ask(asking())
        assert text_of(replies) == ENGLISH.malformed
        end = bench.ends()[0]
        assert (end.end_reason, end.detail, end.http_status) == (EndReason.STOP, Detail.BROKEN_CALL, 200)


FINAL = '{"final": "done"}'
THOUGHT = "<think>hm</think>\n\nyes"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (None, "done"),
        ({"type": "text"}, "done"),
        ({"type": "json_object"}, FINAL),
        ({"type": "json_schema"}, FINAL),
    ],
)
async def test_a_final_answer_is_unwrapped_unless_json_was_asked_for(
    asked: dict[str, Any] | None, shown: str
) -> None:
    sampling = {} if asked is None else {"response_format": asked}
    async with working(script(Text(FINAL)), tools_in_text=True) as bench:
        assert text_of(await bench.ask(asking(sampling=sampling))) == shown


@pytest.mark.parametrize("tools", [TOOLS, None])
@pytest.mark.parametrize("in_text", [True, False])
async def test_thought_in_the_text_leaves_as_reasoning_unless_it_is_to_stay(
    tools: list[dict[str, Any]] | None, *, in_text: bool
) -> None:
    content = turn(tools=tools)
    async with working(script(Text(THOUGHT)), tools_in_text=in_text) as bench:
        replies = await bench.ask(submission(content))
        assert [reply for reply in replies if isinstance(reply, ReasoningDelta)] == [ReasoningDelta("hm")]
        assert text_of(replies) == "hmyes"
    async with working(script(Text(THOUGHT)), tools_in_text=in_text, thought_apart=False) as bench:
        replies = await bench.ask(submission(content))
        assert "".join(reply.text for reply in replies if isinstance(reply, TextDelta)) == THOUGHT


async def test_a_call_that_only_the_history_knows_is_dropped_and_never_shown() -> None:
    content = turn(messages=[USER, called("call_x"), result("call_x")], tools=None)
    async with working(script(Text("I look. " + IN_TEXT)), tools_in_text=True) as bench:
        replies = await bench.ask(submission(content))
        assert text_of(replies) == "I look. "


async def test_an_apology_is_in_the_language_of_the_user_s_last_words() -> None:
    content = turn("\u8bf7\u8bfb\u53d6\u6587\u4ef6", tools=asking().turn.tools)
    async with working(script(Text('{"tool_calls":[{"arguments":{}}]}')), tools_in_text=True) as bench:
        assert text_of(await bench.ask(submission(content))) == CHINESE.malformed


def remembering(*calls: CalledTool) -> SessionState:
    return SessionState(upstream_session=Sealed("x"), calls=calls)


def remembered(bench: Bench, call_id: str, upstream_id: str | None) -> CalledTool:
    seal = bench.environment.seal
    return CalledTool(
        tool_call_id=str(seal.digest(call_id, "tool_call_id")),
        upstream_call_id=None if upstream_id is None else seal.seal(upstream_id, "tool_call_id"),
        name=seal.digest("read", "tool_name"),
    )


async def test_only_results_have_ids_and_the_newest_call_of_a_name_counts() -> None:
    async with working() as bench:
        state = remembering(
            remembered(bench, "call_1", "one"),
            remembered(bench, "call_2", "two"),
            remembered(bench, "call_3", None),
        )
        messages = [
            USER,
            result("call_1"),
            result("call_3"),
            result("call_9"),
            Message(role="function", name="write", content="x"),
        ]
        assert result_ids(messages, state, SEAL) == {"call_1": "one"}
        legacy = [Message(role="function", name="read", content="x")]
        named = remembering(remembered(bench, "call_1", "one"), remembered(bench, "call_2", "two"))
        assert result_ids(legacy, named, SEAL) == {"function read": "two"}


@pytest.mark.parametrize(
    ("before", "held", "named"),
    [([], True, {"call_1": "read"}), ([], False, {}), ([called("call_1")], True, {})],
    ids=["results alone", "a fresh session", "with the call"],
)
async def test_results_that_come_alone_are_named_by_the_calls_of_their_session(
    *, before: list[Message], held: bool, named: dict[str, str]
) -> None:
    async with working() as bench:
        calls = (remembered(bench, "call_1", None),)
        state = remembering(*calls) if held else SessionState(calls=calls)
        messages = [*before, USER, result("call_1"), result("call_9")]
        prepared = prepare(turn(messages=messages, tools=TOOLS))
        assert result_names(messages[len(before) :], state, prepared, SEAL) == named


async def test_a_result_that_comes_alone_is_named_only_while_its_tool_is_offered() -> None:
    async with working() as bench:
        state = remembering(remembered(bench, "call_1", None))
        messages = [USER, result("call_1")]
        other = [{"type": "function", "function": {"name": "write"}}]
        assert result_names(messages, state, prepare(turn(messages=messages, tools=other)), SEAL) == {}


@pytest.mark.parametrize("tools", [TOOLS, None])
async def test_the_caller_s_stop_ends_the_answer_and_cuts_the_call(
    tools: list[dict[str, Any]] | None,
) -> None:
    usage = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    said: Script = [
        BEGINNING,
        [UsageSeen(usage), Text("Action\nObser")],
        [Text("vation: 42"), Text("late")],
        Hang(),
    ]
    content = turn(tools=tools, sampling={"stop": ["\nObservation:"]})
    async with working(said, tools_in_text=True) as bench:
        replies = await bench.ask(submission(content))
        assert text_of(replies) == "Action"
        end = bench.ends()[0]
        assert (end.end_reason, end.finish_reason, end.usage) == (EndReason.STOP, FinishReason.STOP, usage)
        assert end.context == "unknown"
        assert bench.upstream.streams[0].closed_early
