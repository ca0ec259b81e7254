"""Chats that fail or are refused, before and after the first output."""

from collections.abc import Sequence

import msgspec
import pytest
from edge.harness import ACCEPTED, FAILED, OVERLOADED, SESSION, STOPPED, frames_of, running_edge
from msgspec.structs import replace

from mix2api.accounts.owners import Owner
from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.errors import NoDescriptor, Overloaded, StoreUnavailable
from mix2api.sessions.worker_port import Ended, TextDelta
from mix2api.store.memory import MemoryOwners
from mix2api.vocabulary import Channel, Detail, Digest, EndReason, FinishReason, Receipt


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


async def test_a_run_that_was_never_accepted_is_reported_as_refused() -> None:
    async with running_edge(ScriptedDispatch([OVERLOADED])) as edge:
        answer = await edge.chat(stream=True)
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert "x-session-id" not in answer.headers
    assert (refused.end_reason, refused.detail) == (EndReason.OVERLOADED, "queue")
    assert (refused.run_id is not None, refused.worker_channel) == (True, None)


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


async def test_a_refusal_by_a_worker_elsewhere_names_that_one_s_channel() -> None:
    no_owner = Overloaded("no owner", detail=Detail.NO_OWNER, worker_channel=Channel.CANARY)
    full = replace(OVERLOADED, worker_channel=Channel.CANARY)
    for dispatch in (ScriptedDispatch(refusal=no_owner), ScriptedDispatch([full])):
        async with running_edge(dispatch) as edge:
            await edge.chat(stream=True)
            assert [refused.worker_channel for refused in edge.watcher.refused] == [Channel.CANARY]


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


class Unreadable(MemoryOwners):
    """Owners that nobody can look up now."""

    def __init__(self, fault: StoreUnavailable) -> None:
        super().__init__()
        self.fault = fault

    async def find(self, caller: Digest, things: Sequence[str]) -> list[Owner | None]:
        del caller, things
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "code", "detail"),
    [(StoreUnavailable(), "store_unavailable", None), (NoDescriptor(), "overloaded", "descriptors")],
)
async def test_a_kept_response_whose_owner_cannot_be_looked_up_is_refused_with_the_reason(
    fault: StoreUnavailable, code: str, detail: str | None
) -> None:
    async with running_edge(owners=Unreadable(fault)) as edge:
        answer = await edge.send("GET", "/v1/responses/resp_1")
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.error()["code"], refused.detail) == (503, code, detail)
    assert refused.end_reason is fault.end_reason


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
