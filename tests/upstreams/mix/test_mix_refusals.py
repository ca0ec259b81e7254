"""Answers that cannot be read, are no stream, or refuse the call."""

import pytest
import trio
from upstreams.loopback import LAST_CHUNK, SSE_HEAD, chunked, head, serving
from upstreams.mix.hearing import (
    DONE,
    FINISH,
    HI,
    SAID,
    START,
    answering,
    call,
    closing,
    heard_from,
    upstream_at,
)

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.port import Failed, Finished, Opened, Started, Text, UpstreamFault
from mix2api.vocabulary import Detail, EndReason

# --- what cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame", [b"data: {\n\n", b'data: {"type":"text-delta","delta":5}\n\n', b"data: <html>\n\n"]
)
async def test_a_frame_that_cannot_be_read_is_a_fault_after_what_came_before(frame: bytes) -> None:
    async with serving([answering(SSE_HEAD + chunked(START + HI + frame + FINISH))]) as server:
        heard = await heard_from(server)
    assert heard.events == SAID
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.PROTOCOL, True)
    assert heard.idle_connections == 0


async def test_a_frame_without_an_end_is_refused_at_the_limit() -> None:
    options = MixOptions(base_url="", frame_limit=1000)
    async with serving([answering(SSE_HEAD + chunked(START, HI, b"data: " + b"x" * 2000))]) as server:
        heard = await heard_from(server, options)
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.TOO_LARGE, True)


async def test_a_huge_frame_within_the_limit_passes() -> None:
    text = b"0123456789" * 400_000
    frame = b'data: {"type":"text-delta","delta":"' + text + b'"}\n\n'
    async with serving([answering(SSE_HEAD + chunked(START, frame, FINISH, DONE) + LAST_CHUNK)]) as server:
        heard = await heard_from(server)
    assert Text(text.decode()) in heard.events
    assert heard.fault is None


@pytest.mark.parametrize(
    "answer",
    [
        head("content-type: text/html", "content-length: 6") + b"<html>",
        head("content-type: text/event-stream", "content-length: 8") + b"\n<!docty",
        head("content-type: text/plain", "content-length: 4") + b"well",
        head("content-length: 0"),
        head("content-length: 2") + b"{}",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
    ],
    ids=["a page", "a page that calls itself a stream", "words", "nothing", "an empty object", "no HTTP"],
)
async def test_an_answer_of_another_kind_is_refused(answer: bytes) -> None:
    async with serving([answering(answer)]) as server:
        heard = await heard_from(server)
    assert heard.events in ([], [Opened(200)])
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.PROTOCOL, True)


# --- answers that are no stream ----------------------------------------------------------------------------------


def json_answer(body: bytes, media_type: str = "application/json; charset=utf-8") -> bytes:
    return head(f"content-type: {media_type}", f"content-length: {len(body)}") + body


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("media_type", ["application/json", "application/problem+json"])
async def test_json_is_understood_whatever_was_asked_for(stream: bool, media_type: str) -> None:  # noqa: FBT001
    body = b'{"text":"hi","messageMetadata":{"sessionId":"s","exchangeId":"x"},"finishReason":"stop"}'
    async with serving([answering(json_answer(body, media_type))]) as server:
        heard = await heard_from(server, stream=stream)
    assert heard.batches == [[Opened(200)], [*SAID[1:], Finished("stop")]]
    assert heard.idle_connections == 1


async def test_a_stream_is_understood_where_json_was_asked_for() -> None:
    async with serving([answering(SSE_HEAD + chunked(START, HI, FINISH, DONE) + LAST_CHUNK)]) as server:
        heard = await heard_from(server, stream=False)
    assert heard.events == [*SAID, Finished("stop")]


async def test_an_error_in_json_with_status_200_is_a_failure() -> None:
    async with serving([answering(json_answer(b'{"error":{"message":"no"}}'))]) as server:
        heard = await heard_from(server, stream=False)
    assert heard.events == [Opened(200), Started(None, None), Failed("no")]


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"x" * 3000])
async def test_json_that_cannot_be_read_is_a_fault(body: bytes) -> None:
    async with serving([answering(json_answer(body))]) as server:
        heard = await heard_from(server, stream=False)
    assert heard.events == [Opened(200)]
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.PROTOCOL, True)


async def test_json_cut_short_is_truncated() -> None:
    async with serving([closing(json_answer(b'{"text":"hi"}')[:-2])]) as server:
        heard = await heard_from(server, stream=False)
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("401 No", (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, False)),
        ("403 No", (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, False)),
        ("429 No", (EndReason.UPSTREAM_ERROR, Detail.STATUS, False)),
        ("500 No", (EndReason.UPSTREAM_ERROR, Detail.STATUS, True)),
        ("503 No", (EndReason.UPSTREAM_ERROR, Detail.STATUS, False)),
        ("302 No", (EndReason.UPSTREAM_ERROR, Detail.STATUS, True)),
    ],
)
async def test_a_refusal_is_a_fault_with_status_words_and_time(
    status: str, verdict: tuple[EndReason, Detail, bool]
) -> None:
    body = b'{"error":{"message":"in words"}}'
    answer = head(
        "content-type: application/json", f"content-length: {len(body)}", "retry-after: 7", status=status
    )
    async with serving([answering(answer + body)]) as server:
        heard = await heard_from(server)
    assert heard.events == []
    assert heard.verdict == verdict
    assert heard.fault is not None
    assert (heard.fault.status, heard.fault.message, heard.fault.retry_after_s) == (
        int(status[:3]),
        "in words",
        7,
    )
    assert heard.idle_connections == 1


@pytest.mark.parametrize("body", [b"five hundred", b"f" * 200_000])
async def test_a_refusal_cut_short_or_endless_still_has_its_status(body: bytes) -> None:
    answer = head("content-length: 300000", status="500 Oops") + body
    async with serving([closing(answer)]) as server:
        heard = await heard_from(server)
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.STATUS, True)
    assert heard.fault is not None
    assert heard.fault.message == body.decode()[:500]
    assert heard.idle_connections == 0


async def test_an_upstream_that_is_not_there_fails_on_entering() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    upstream, _ = upstream_at(f"http://127.0.0.1:{port}")
    with pytest.raises(UpstreamFault) as raised:
        await upstream.open(call()).__aenter__()
    assert raised.value.detail is Detail.CONNECT_FAILED
    assert not raised.value.taken


def test_a_base_url_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="base URL"):
        MixUpstream(MixOptions(base_url="site.example"), HttpClient(HttpOptions()))
