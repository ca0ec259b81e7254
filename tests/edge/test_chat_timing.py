"""When the headers, the content and the comments of a chat leave."""

import h11
import msgspec
import trio
import trio.testing
from edge.harness import ACCEPTED, FAILED, OVERLOADED, SESSION, STOPPED, frames_of, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.sessions.worker_port import ReasoningDelta, TextDelta, ToolCallDelta


async def test_all_that_is_pending_leaves_in_one_piece_and_the_ending_is_never_split() -> None:
    async with running_edge(ScriptedDispatch()) as edge, edge.connect() as client:
        await client.ask_chat(stream=True, stream_options={"include_usage": True})
        run = await edge.dispatch.next_run()
        run.say(ACCEPTED, TextDelta("a"), ReasoningDelta("b"))
        await client.head()
        assert len(frames_of(await client.piece())) == 3
        run.say(ToolCallDelta(index=0, call_id="call_1", name="f"))
        assert len(frames_of(await client.piece())) == 1
        run.say(STOPPED)
        finish, usage, done = frames_of(await client.piece())
        assert msgspec.json.decode(finish)["choices"][0]["finish_reason"] == "stop"
        assert msgspec.json.decode(usage)["usage"]["prompt_tokens"] == 3
        assert done == "[DONE]"
        assert isinstance(await client.event(), h11.EndOfMessage)


async def test_headers_wait_for_output_but_not_for_ever() -> None:
    async with (
        running_edge(ScriptedDispatch([ACCEPTED]), early_headers_ms=1) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat(stream=True)
        head = await client.head()
        assert head.status_code == 200
        assert dict(head.headers)[b"x-session-id"] == SESSION.encode()
        assert await client.piece() == b": keep-alive\n"
        run = await edge.dispatch.next_run()
        assert run.replies.committed
        run.say(FAILED)
        assert len(frames_of(await client.piece())) == 3


async def test_headers_are_held_while_the_run_may_still_be_refused_for_want_of_room() -> None:
    async with running_edge(ScriptedDispatch(), early_headers_ms=0) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        await trio.testing.wait_all_tasks_blocked()
        assert not run.replies.committed
        run.say(OVERLOADED)
        answer = await client.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")


async def test_headers_leave_early_once_the_run_is_accepted() -> None:
    async with running_edge(ScriptedDispatch(), early_headers_ms=0) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        (await edge.dispatch.next_run()).say(ACCEPTED)
        assert (await client.head()).status_code == 200


async def test_a_whole_answer_never_commits_its_status_early() -> None:
    async with (
        running_edge(ScriptedDispatch([ACCEPTED]), early_headers_ms=0) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat()
        run = await edge.dispatch.next_run()
        assert not run.replies.committed
        run.say(FAILED)
        assert (await client.answer()).status == 502


async def test_silence_is_filled_with_comments() -> None:
    async with (
        running_edge(ScriptedDispatch(), keepalive_s=0.02, check_s=0.01) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        run.say(ACCEPTED, TextDelta("a"))
        await client.head()
        await client.piece()
        for _ in range(3):
            assert await client.piece() == b": keep-alive\n"
        run.say(STOPPED)
        while (piece := await client.piece()) == b": keep-alive\n":
            pass
        assert piece.endswith(b"data: [DONE]\n\n")


async def test_a_silent_whole_answer_is_only_waited_for() -> None:
    async with (
        running_edge(ScriptedDispatch([ACCEPTED]), keepalive_s=0.01, check_s=0.01) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat()
        run = await edge.dispatch.next_run()
        for _ in range(3):  # looked at, nudged, and nothing comes of it
            edge.app.live.look()
            await trio.testing.wait_all_tasks_blocked()
        run.say(TextDelta("a"), STOPPED)
        assert (await client.answer()).json()["choices"][0]["message"]["content"] == "a"
