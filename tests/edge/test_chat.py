"""Chat requests over real sockets: what leaves, when it leaves, and what the worker is told of it."""

import struct

import h11
import msgspec
import pytest
import trio
import trio.testing
from edge.harness import (
    ACCEPTED,
    ASK,
    FAILED,
    HELLO,
    SESSION,
    STOPPED,
    TOKEN,
    Answer,
    Edge,
    frames_of,
    running_edge,
)

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.errors import InvalidRequest, Overloaded, StoreUnavailable
from mix2api.sessions.worker_port import Ended, ReasoningDelta, TextDelta, ToolCallDelta
from mix2api.settings.choices import InboundAuthMode
from mix2api.vocabulary import Detail, EndReason, FinishReason, Receipt
from mix2api.wire.turn import AskedBase, ChosenBase

OVERLOADED = Ended(
    end_reason=EndReason.OVERLOADED,
    detail="queue",
    http_status=503,
    message="too much to do",
    error_type="overloaded_error",
    error_code="overloaded",
    retry_after_s=7,
)


async def test_a_stream_has_the_role_first_then_the_deltas_then_finish_and_done() -> None:
    async with running_edge() as edge:
        answer = await edge.chat(stream=True)
        run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.WRITTEN
        assert run.aborts == []
        assert len(edge.app.live) == 0
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-session-id"] == SESSION
    assert answer.headers["x-mix2api-run-id"] == run.submission.run_id
    deltas = [chunk["choices"][0]["delta"] for chunk in answer.chunks()]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hello"}, {"content": " there"}, {}]
    assert answer.chunks()[-1]["choices"][0]["finish_reason"] == "stop"
    assert answer.frames()[-1] == "[DONE]"
    assert {chunk["model"] for chunk in answer.chunks()} == {"mix/one"}


async def test_without_stream_the_answer_is_one_object() -> None:
    async with running_edge() as edge:
        answer = await edge.chat()
        run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.WRITTEN
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-session-id"] == SESSION
    assert answer.json()["object"] == "chat.completion"
    assert answer.json()["choices"][0]["message"]["content"] == "Hello there"
    assert answer.json()["usage"]["total_tokens"] == 5


async def test_the_root_path_behaves_as_the_chat_path_does() -> None:
    async with running_edge() as edge:
        good = await edge.send("POST", "/", msgspec.json.encode(ASK))
        bad = await edge.send("POST", "/", b"{}")
    assert good.json()["object"] == "chat.completion"
    assert (bad.status, bad.error()["param"]) == (400, "model")


async def test_the_submission_says_all_that_the_worker_needs() -> None:
    async with running_edge(pass_authorization=True) as edge:
        await edge.chat({"x-request-id": "mine", "user-agent": "curl/8", "x-persona-id": "p7"})
        submission = (await edge.dispatch.next_run()).submission
    assert submission.request_id == "mine"
    assert submission.client == "curl"
    assert submission.turn.persona_id == "p7"
    assert submission.edge == "p_test"
    assert submission.body_bytes == len(msgspec.json.encode(ASK))
    assert submission.authorization == f"Bearer {TOKEN}"
    assert submission.session_id is None


class _Bases:
    """Lets one host be chosen."""

    async def chosen(self, asked: AskedBase) -> ChosenBase:
        if "good" not in asked.url:
            raise InvalidRequest("not that one", param=asked.param, code="upstream_base_refused")
        return ChosenBase(url=asked.url, host="good", addresses=("8.8.8.8",))


async def test_a_chosen_upstream_goes_with_the_turn_once_it_is_checked() -> None:
    async with running_edge(bases=_Bases()) as edge:
        await edge.chat({"x-upstream-base-url": "https://good"}, upstream_base_url="https://bad")
        turn = (await edge.dispatch.next_run()).submission.turn
    assert turn.base == ChosenBase(url="https://good", host="good", addresses=("8.8.8.8",))
    assert turn.asked_base is None


async def test_an_upstream_that_may_not_be_chosen_is_400_with_its_place() -> None:
    async with running_edge(bases=_Bases()) as edge:
        answer = await edge.chat(upstream_api_base="https://bad")
        assert (answer.status, answer.error()["param"]) == (400, "upstream_api_base")
        assert edge.dispatch.waiting == 0


async def test_as_it_ships_no_upstream_may_be_chosen() -> None:
    async with running_edge() as edge:
        answer = await edge.chat({"x-upstream-base-url": "https://planted"})
        assert (answer.status, answer.error()["param"]) == (400, "x-upstream-base-url")
        assert answer.error()["code"] == "upstream_base_refused"
        assert "planted" not in answer.body.decode()


async def test_the_callers_credential_stays_here_unless_it_is_to_be_passed_on() -> None:
    async with running_edge() as edge:
        await edge.chat()
        assert (await edge.dispatch.next_run()).submission.authorization is None


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


async def test_a_stream_that_fails_after_output_ends_in_three_parts() -> None:
    async with running_edge(ScriptedDispatch()) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        run.say(ACCEPTED, TextDelta("a"))
        await client.head()
        await client.piece()
        run.say(FAILED)
        error, terminal, done = frames_of(await client.piece())
        assert await run.wait_settled() is Receipt.ERROR_WRITTEN
    said = msgspec.json.decode(error)["error"]
    assert (said["code"], said["end_reason"]) == ("upstream_error", "upstream_error")
    assert said["request_id"] == run.submission.request_id
    assert msgspec.json.decode(terminal)["error"] == said
    assert msgspec.json.decode(terminal)["choices"][0]["finish_reason"] == "error"
    assert done == "[DONE]"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_before_any_output_is_an_http_error(*, stream: bool) -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, FAILED])) as edge:
        answer = await edge.chat(stream=stream)
        assert await (await edge.dispatch.next_run()).wait_settled() is Receipt.ERROR_WRITTEN
        assert edge.watcher.refused == []
    assert answer.status == 502
    assert answer.error() == {
        "message": "the upstream broke off",
        "type": "upstream_error",
        "code": "upstream_error",
        "param": None,
    }
    assert answer.headers["x-session-id"] == SESSION


async def test_an_ending_that_is_not_durable_has_its_own_receipt() -> None:
    unacked = Ended(end_reason=EndReason.STOP, finish_reason=FinishReason.STOP, acked=False)
    async with running_edge(ScriptedDispatch([ACCEPTED, unacked])) as edge:
        for stream in (True, False):
            await edge.chat(stream=stream)
            run = await edge.dispatch.next_run()
            assert (await run.wait_settled(), run.told) == (Receipt.END_UNACKED, EndReason.STOP)


async def test_an_answer_without_any_output_has_role_and_finish() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, STOPPED])) as edge:
        answer = await edge.chat(stream=True)
    assert [chunk["choices"][0]["delta"] for chunk in answer.chunks()] == [
        {"role": "assistant", "content": ""},
        {},
    ]


async def test_a_run_that_was_never_accepted_is_reported_as_refused() -> None:
    async with running_edge(ScriptedDispatch([OVERLOADED])) as edge:
        answer = await edge.chat(stream=True)
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert "x-session-id" not in answer.headers
    assert (refused.end_reason, refused.detail) == (EndReason.OVERLOADED, "queue")
    assert refused.run_id is not None


async def test_a_run_refused_after_the_headers_left_is_reported_too() -> None:
    async with (
        running_edge(ScriptedDispatch(), early_headers_ms=0, hold_headers_s=0) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat(stream=True)
        await client.head()
        (await edge.dispatch.next_run()).say(OVERLOADED)
        assert await client.piece() == b": keep-alive\n"
        assert len(frames_of(await client.piece())) == 3
        assert [refused.detail for refused in edge.watcher.refused] == ["queue"]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Overloaded("no room", detail=Detail.QUEUE, retry_after_s=3), "overloaded"),
        (StoreUnavailable(retry_after_s=3), "store_unavailable"),
    ],
)
async def test_what_the_dispatch_refuses_is_answered_at_once(refusal: Overloaded, code: str) -> None:
    async with running_edge(ScriptedDispatch(refusal=refusal)) as edge:
        answer = await edge.chat(stream=True)
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.headers["retry-after"]) == (refusal.status, "3")
    assert answer.error()["code"] == code
    assert refused.reject_reason == code
    assert (refused.model, refused.stream) == ("mix/one", True)


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


async def test_a_turn_carries_its_caller_which_neither_model_nor_client_changes() -> None:
    asked = [(TOKEN, "mix/one", "codex"), (TOKEN, "mix/two", "curl"), ("sk-other", "mix/one", "codex")]
    async with running_edge(bearer_token="") as edge:
        for token, model, client in asked:
            await edge.chat({"authorization": f"Bearer {token}", "x-client": client}, model=model)
        first, second, other = [(await edge.dispatch.next_run()).submission for _ in asked]
    assert first.caller == second.caller != other.caller
    assert first.isolation != second.isolation


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


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_before_any_output_is_told_to_the_worker(*, stream: bool) -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=stream)
            run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.HUNG_UP
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        assert run.aborts == [Detail.HUNG_UP]
        assert len(edge.app.live) == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_before_its_run_is_accepted_has_its_line(*, stream: bool) -> None:
    async with running_edge(ScriptedDispatch([])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=stream)
            run = await edge.dispatch.next_run()
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        await trio.testing.wait_all_tasks_blocked()
        (line,) = edge.watcher.refused
        assert (line.end_reason, line.detail, line.http_status) == (
            EndReason.CLIENT_ABORT,
            Detail.HUNG_UP,
            499,
        )
        assert (line.run_id, line.stream) == (run.submission.run_id, stream)


async def test_a_client_that_hangs_up_once_its_run_is_accepted_has_no_second_line() -> None:
    async with running_edge(ScriptedDispatch([])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            run = await edge.dispatch.next_run()
            client.stream.socket.close()
            run.say(ACCEPTED)  # which nobody takes any more
        await run.wait_settled()
        await trio.testing.wait_all_tasks_blocked()
        assert edge.watcher.refused == []


async def test_a_client_that_hangs_up_within_its_body_has_its_line() -> None:
    async with running_edge() as edge:
        async with edge.connect() as client:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer "
            await client.stream.send_all(head + TOKEN.encode() + b"\r\ncontent-length: 1000\r\n\r\n{")
            await trio.testing.wait_all_tasks_blocked()
        await until_told(edge)
        (line,) = edge.watcher.refused
        assert (line.end_reason, line.detail, line.run_id) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP, None)


async def test_a_request_that_a_stopping_server_gives_up_before_it_is_a_run_has_its_line() -> None:
    async with running_edge(ScriptedDispatch([])) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        edge.hard_stop.cancel()
        assert await run.wait_aborted() is Detail.DRAIN
        await until_told(edge)
        (line,) = edge.watcher.refused
        assert (line.end_reason, line.detail) == (EndReason.OVERLOADED, Detail.DRAIN)


async def until_told(edge: Edge) -> None:
    while not edge.watcher.refused:
        await trio.lowlevel.checkpoint()


async def test_a_client_that_hangs_up_in_the_middle_is_told_to_the_worker() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            await client.head()
            run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.HUNG_UP
        assert await run.wait_settled() is Receipt.CLIENT_LEFT


async def test_an_ending_that_meets_a_reset_connection_was_not_written() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            await client.head()
            await client.piece()
            run = await edge.dispatch.next_run()
            client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
            # In one turn of the loop: the edge's next write meets the reset before its reader can have seen it.
            client.stream.socket.close()
            run.say(STOPPED)
        assert await run.wait_settled() is Receipt.CLIENT_LEFT


async def test_a_stalled_ending_that_meets_a_reset_connection_was_not_written() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED])) as edge:
        async with edge.connect() as client:
            await client.ask_chat(stream=True)
            run = await edge.dispatch.next_run()
            run.say(TextDelta("x" * 20_000_000), STOPPED)  # more than all buffers on the way hold
            await client.head()
            client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await run.wait_settled() is Receipt.CLIENT_LEFT


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_closes_as_soon_as_it_has_read_all_was_given_all(*, stream: bool) -> None:
    async with running_edge() as edge:
        for _ in range(50):
            await edge.chat(stream=stream)  # a connection of its own, closed at once
            assert await (await edge.dispatch.next_run()).wait_settled() is Receipt.WRITTEN


async def test_a_server_that_stops_does_not_blame_the_client() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        await client.head()
        run = await edge.dispatch.next_run()
        edge.hard_stop.cancel()
        assert await run.wait_aborted() is Detail.DRAIN
        assert run.receipts == []


async def test_a_client_that_reads_nothing_does_not_hold_the_worker() -> None:
    dispatch = ScriptedDispatch()
    async with running_edge(dispatch, stall_limit_s=0.02, check_s=0.01) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        run = await edge.dispatch.next_run()
        run.say(ACCEPTED, *[TextDelta("x" * 100_000)] * 200)
        assert await run.wait_aborted() is Detail.STALLED
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        assert len(edge.app.live) == 0
        with pytest.raises(h11.RemoteProtocolError, match="without sending complete message body"):
            await client.answer()  # what the buffers held, and then the end of the connection


async def test_a_reply_that_cannot_be_rendered_still_ends_the_stream() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge, edge.connect() as client:
        await client.ask_chat(stream=True)
        await client.head()
        await client.piece()
        run = await edge.dispatch.next_run()
        run.say(TextDelta("\ud800"))
        error, _, done = frames_of(await client.piece())
        assert msgspec.json.decode(error)["error"]["end_reason"] == "adapter_error"
        assert done == "[DONE]"
        assert await run.wait_aborted() is Detail.EDGE_LOST
        assert [fault.exception for fault in edge.watcher.faults] == ["UnicodeEncodeError"]


async def test_a_broken_reply_of_a_whole_answer_is_a_500() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("\ud800"), STOPPED])) as edge:
        answer = await edge.chat()
        run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.EDGE_LOST
    assert (answer.status, answer.error()["code"]) == (500, "adapter_error")


async def test_one_connection_serves_many_requests() -> None:
    async with running_edge() as edge, edge.connect() as client:
        answers: list[Answer] = []
        for stream in (True, False, True):
            await client.ask_chat(stream=stream)
            answers.append(await client.answer())
            client.http.start_next_cycle()
    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_many_streams_at_once_all_get_their_own_ending() -> None:
    async with running_edge(ScriptedDispatch(HELLO)) as edge:
        done: list[str] = []

        async def ask() -> None:
            done.append((await edge.chat(stream=True)).frames()[-1])

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)
    assert done == ["[DONE]"] * 50


async def test_without_authentication_anybody_is_served() -> None:
    async with running_edge(auth_mode=InboundAuthMode.NONE) as edge:
        assert (await edge.chat({"authorization": ""})).status == 200
