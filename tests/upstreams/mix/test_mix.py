"""The whole `mix` upstream against real loopback servers: what is asked, streamed answers, and their endings."""

import pytest
import trio
from attrs import evolve
from upstreams.loopback import LAST_CHUNK, SSE_HEAD, Connection, chunked, head, serving
from upstreams.mix.hearing import (
    DONE,
    ERROR,
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
from upstreams.mix.recorded import CASES, expected, recording

from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.mix.options import CredentialSource, MixOptions
from mix2api.upstreams.port import (
    Failed,
    Finished,
    Opened,
    Text,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.vocabulary import Detail, EndReason


async def test_what_is_asked_is_the_site_s_request() -> None:
    asked: list[bytes] = []

    async def serve(connection: Connection) -> None:
        asked.append(await connection.request())
        await connection.send(SSE_HEAD + chunked(START + HI + FINISH + DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        options = MixOptions(base_url="", chat_path="/v9/chats", credential=CredentialSource.PASS_THROUGH)
        server.url += "/site/"
        await heard_from(server, options)
    request = asked[0]
    assert request.startswith(b"POST /site/v9/chats HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer caller\r\n" in request
    assert b"\r\nx-request-id: req-1\r\n" in request
    assert b'"query":"hello"' in request


async def test_a_streamed_answer_gives_its_events_in_order_and_keeps_the_connection() -> None:
    async def serve(connection: Connection) -> None:
        for _ in range(2):
            await connection.request()
            for piece in (SSE_HEAD + chunked(START), chunked(HI, HI), chunked(FINISH, DONE) + LAST_CHUNK):
                await connection.send(piece)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        upstream, client = upstream_at(server.url)
        for _ in range(2):
            async with upstream.open(call()) as stream:
                events = [event for batch in [batch async for batch in stream] for event in batch]
            assert events == [*SAID, Text("hi"), Finished("stop")]
        assert server.accepted == 1
        client.close()


async def test_what_came_in_one_piece_is_one_batch_and_opened_comes_first() -> None:
    async with serving([answering(SSE_HEAD + chunked(START, HI, FINISH, DONE) + LAST_CHUNK)]) as server:
        heard = await heard_from(server)
    assert heard.batches == [[*SAID, Finished("stop")]]


async def test_opened_does_not_wait_for_the_first_frame() -> None:
    opened = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD)
        await opened.wait()
        await connection.send(chunked(START, HI, FINISH, DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        upstream, client = upstream_at(server.url)
        async with upstream.open(call()) as stream:
            batches = aiter(stream)
            assert await anext(batches) == [Opened(200)]
            opened.set()
            assert await anext(batches) == [*SAID[1:], Finished("stop")]
            with pytest.raises(StopAsyncIteration):
                await anext(batches)
            with pytest.raises(StopAsyncIteration):
                await anext(batches)
        client.close()


@pytest.mark.parametrize(("version", "name"), CASES)
async def test_every_recording_over_the_wire(version: str, name: str) -> None:
    body = recording(version, name)
    third = len(body) // 3
    pieces = chunked(body[:third], body[third : 2 * third], body[2 * third :])
    async with serving([answering(SSE_HEAD + pieces + LAST_CHUNK)]) as server:
        heard = await heard_from(server)
    assert heard.events == [Opened(200), *expected(version, name)]
    assert heard.fault is None
    assert heard.idle_connections == 1


@pytest.mark.parametrize("fields", [["content-length: %d"], []], ids=["sized", "until close"])
async def test_a_stream_need_not_be_chunked(fields: list[str]) -> None:
    body = START + HI + FINISH + DONE
    sse_head = head("content-type: text/event-stream", *(field % len(body) for field in fields))
    async with serving([closing(sse_head + body)]) as server:
        heard = await heard_from(server)
    assert heard.events == [*SAID, Finished("stop")]


# --- endings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "detail"),
    [
        (b"", Detail.TRUNCATED),
        (chunked(HI[:20]), Detail.TRUNCATED),
        (b"30\r\ndata: {", Detail.TRUNCATED),
        (b"30", Detail.TRUNCATED),
        (b"data: no chunk", Detail.PROTOCOL),
    ],
)
async def test_a_connection_cut_before_the_ending_is_a_fault_after_what_came(
    last: bytes, detail: Detail
) -> None:
    async with serving([closing(SSE_HEAD + chunked(START, HI) + last)]) as server:
        heard = await heard_from(server)
    assert heard.events == SAID
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, detail, True)


@pytest.mark.parametrize(
    "body",
    [START, START + HI, START + HI + HI[:30], START + DONE, DONE],
    ids=["nothing said", "no ending", "inside a frame", "done after nothing", "done alone"],
)
async def test_a_body_that_ends_well_without_an_ending_of_the_turn_is_truncated(body: bytes) -> None:
    async with serving([answering(SSE_HEAD + chunked(body) + LAST_CHUNK)]) as server:
        heard = await heard_from(server)
    assert heard.verdict == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
    assert heard.fault is not None
    assert heard.fault.status == 200


async def test_done_without_a_finish_ends_an_answer() -> None:
    async with serving([answering(SSE_HEAD + chunked(START, HI, DONE) + LAST_CHUNK)]) as server:
        heard = await heard_from(server)
    assert heard.events == [*SAID, Finished(None)]
    assert heard.fault is None


@pytest.mark.parametrize(
    ("ending", "event"), [(FINISH, Finished("stop")), (ERROR, Failed("no"))], ids=["finish", "error"]
)
@pytest.mark.parametrize(
    "rest", [b"", chunked(b"data: [DO"), b"garbage\r\n"], ids=["cut", "cut in done", "garbage"]
)
async def test_what_goes_wrong_after_the_turn_s_ending_is_no_fault(
    ending: bytes, event: UpstreamEvent, rest: bytes
) -> None:
    ended = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START, HI, ending))
        await ended.wait()
        await connection.send(rest)

    async with serving([serve]) as server:
        upstream, client = upstream_at(server.url)
        events: list[UpstreamEvent] = []
        async with upstream.open(call()) as stream:
            async for batch in stream:
                events += batch
                if events[-1] == event:
                    ended.set()
        assert events == [*SAID, event]
        assert client.idle_connections == 0


@pytest.mark.parametrize("last", [FINISH, FINISH + DONE, START + ERROR], ids=["finish", "done", "error"])
async def test_a_site_that_holds_the_connection_after_the_ending_is_not_waited_for(last: bytes) -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(HI, last))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        heard = await heard_from(server, timeouts=Timeouts(drain=0.05))
        await hung_up.wait()
    assert heard.fault is None
    assert heard.idle_connections == 0


async def test_a_caller_that_leaves_at_the_finish_keeps_the_connection() -> None:
    async with serving([answering(SSE_HEAD + chunked(START, HI, FINISH, DONE) + LAST_CHUNK)]) as server:
        upstream, client = upstream_at(server.url)
        async with upstream.open(call()) as stream:
            await anext(aiter(stream))
        assert client.idle_connections == 1
        client.close()


_GONE = b'{"error":{"message":"no such session","status":404}}'


async def all_of(upstream: Upstream, asked: UpstreamCall) -> list[UpstreamEvent]:
    async with upstream.open(asked) as stream:
        return [event for batch in [batch async for batch in stream] for event in batch]


@pytest.mark.parametrize(
    "answer",
    [
        head(f"content-length: {len(_GONE)}", "content-type: application/json", status="404 Not Found")
        + _GONE,
        head("content-length: 0", status="410 Gone"),
        head(f"content-length: {len(_GONE)}", "content-type: application/json") + _GONE,
        SSE_HEAD + chunked(b"data: " + _GONE + b"\n\n") + LAST_CHUNK,
    ],
    ids=["404", "410", "404 under 200", "404 in a stream"],
)
async def test_a_site_that_does_not_know_the_session_has_lost_it_if_there_was_one(answer: bytes) -> None:
    details: list[Detail] = []
    for session in ("s", None):
        async with serving([answering(answer)]) as server:
            upstream, client = upstream_at(server.url)
            with pytest.raises(UpstreamFault) as raised:
                await all_of(upstream, evolve(call(), session=session))
            client.close()
        details.append(raised.value.detail)
    assert details == [Detail.SESSION_LOST, Detail.STATUS]
