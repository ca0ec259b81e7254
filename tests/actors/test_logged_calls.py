"""A call and its result have one digest in the log, whatever the client calls them by and however it writes them."""

import pytest
from actor_parts import SEAL, ended, submission, turn, working

from mix2api.actors.logged_calls import AnsweredCalls, by_id, by_place
from mix2api.events.kinds import ToolCall, ToolResult
from mix2api.upstreams.port import Finished, Started, Text, ToolInputAvailable
from mix2api.vocabulary import Digest, FinishReason
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

MINE, OTHERS = Digest("mine"), Digest("others")
USER = Message(role="user", content="go")
RESULT = Message(role="function", name="read", content="done")
TOOLS = [{"type": "function", "function": {"name": "read"}}]


def legacy(arguments: str = '{"n": 1}', name: str = "read", content: str | None = None) -> Message:
    return Message(role="assistant", content=content, function_call=FunctionCall(name, arguments))


def modern(call_id: str = "call_1") -> Message:
    call = MessageToolCall(id=call_id, function=FunctionCall("read", "{}"))
    return Message(role="assistant", tool_calls=[call])


def answered(result: Message, history: list[Message]) -> str:
    return AnsweredCalls(history, MINE, SEAL).of(result)


def test_a_legacy_call_written_another_way_is_the_same_call() -> None:
    place = by_place([USER, legacy()], MINE, SEAL)
    assert place == by_place([USER, legacy('{ "n":1.0 }', content="I read.")], MINE, SEAL)
    assert place == answered(RESULT, [USER, legacy()])


@pytest.mark.parametrize(
    "history",
    [
        [USER, legacy('{"n": 2}')],
        [USER, legacy(name="write")],
        [Message(role="user", content="stop"), legacy()],
        [USER, legacy(), RESULT, legacy()],
    ],
)
def test_another_legacy_call_has_another_digest(history: list[Message]) -> None:
    assert by_place(history, MINE, SEAL) != by_place([USER, legacy()], MINE, SEAL)


def test_a_call_of_somebody_else_s_has_another_digest() -> None:
    assert by_place([USER, legacy()], MINE, SEAL) != by_place([USER, legacy()], OTHERS, SEAL)


def test_a_result_by_name_of_a_call_with_an_id_is_known_by_the_id() -> None:
    assert answered(RESULT, [USER, modern()]) == by_id("call_1", SEAL)
    assert answered(RESULT, [USER, legacy(), RESULT, modern()]) == by_id("call_1", SEAL)


def test_a_result_by_id_is_known_by_it() -> None:
    result = Message(role="tool", tool_call_id="call_2", name="read", content="done")
    assert answered(result, [USER, modern(), legacy()]) == by_id("call_2", SEAL)


def test_a_result_is_of_the_newest_call_of_its_name_whatever_else_was_called() -> None:
    custom = MessageToolCall(id="call_3", type="custom", custom={"name": "read"})
    others = Message(role="assistant", tool_calls=[custom])
    assert answered(RESULT, [USER, modern(), RESULT, modern("call_2"), RESULT, others]) == by_id(
        "call_2", SEAL
    )


def test_a_result_that_names_no_call_is_known_by_the_name_that_it_has() -> None:
    assert answered(RESULT, [USER, legacy(name="write")]) == by_id("read", SEAL)


async def test_a_legacy_loop_is_seen_on_a_fresh_session_too_and_without_the_functions() -> None:
    said = [
        [Started("s", "e"), Text("I read."), ToolInputAvailable("legacy-1", "read", '{"n": 1}')],
        [Finished("tool-calls")],
    ]
    async with working(said, [[Started("t", "e"), Text("done")], [Finished("stop")]]) as bench:
        asked = turn(messages=[USER], tools=TOOLS, legacy_functions=True)
        replies = await bench.ask(submission(asked))
        assert ended(replies).finish_reason is FinishReason.TOOL_CALLS
        await bench.ask(submission(turn(messages=[USER, legacy(), RESULT])))
        events = [event for session in bench.world.logs for event in bench.events(session)]
        (call,) = [event for event in events if isinstance(event, ToolCall)]
        (result,) = [event for event in events if isinstance(event, ToolResult)]
        assert call.tool_call_id == result.tool_call_id
