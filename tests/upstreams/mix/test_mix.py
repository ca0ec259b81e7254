"""The whole `mix` upstream against real loopback servers: every form of answer, every way to fail."""

import msgspec
import pytest
import trio
import trio.testing
from attrs import evolve
from upstreams.loopback import LAST_CHUNK, SSE_HEAD, Connection, Serve, Server, chunked, head, serving
from upstreams.mix.recorded import CASES, expected, recording
from upstreams.names import resolving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import CredentialSource, MixOptions
from mix2api.upstreams.port import (
    Failed,
    Finished,
    Opened,
    Started,
    Text,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.vocabulary import Detail, EndReason, RequestId, RunId
from mix2api.wire.turn import ChosenBase, Message, Turn

START = b'data: {"type":"start","messageMetadata":{"sessionId":"s","exchangeId":"x"}}\n\n'
HI = b'data: {"type":"text-delta","id":"t","delta":"hi"}\n\n'
FINISH = b'data: {"type":"finish","finishReason":"stop"}\n\n'
ERROR = b'data: {"type":"error","errorText":"no"}\n\n'
DONE = b"data: [DONE]\n\n"
SAID: list[UpstreamEvent] = [Opened(200), Started("s", "x"), Text("hi")]


def call(*, stream: bool = True) -> UpstreamCall:
    messages = [Message(role="user", content="hello")]
    turn = Turn(model="mix/m", messages=messages, stream=stream)
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("req-1"),
        turn=turn,
        messages=messages,
        authorization="Bearer caller",
    )


def upstream_at(
    url: str, options: MixOptions | None = None, timeouts: Timeouts | None = None
) -> tuple[Upstream, HttpClient]:
    client = HttpClient(HttpOptions(timeouts=timeouts or Timeouts(drain=5)))
    return MixUpstream(evolve(options or MixOptions(base_url=url), base_url=url), client), client


class Heard:
    """What came of a call: the events that were given, then the fault, if any."""

    def __init__(self) -> None:
        self.batches: list[list[UpstreamEvent]] = []
        self.fault: UpstreamFault | None = None
        self.idle_connections = 0

    @property
    def events(self) -> list[UpstreamEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def verdict(self) -> tuple[EndReason, Detail, bool] | None:
        return (self.fault.end_reason, self.fault.detail, self.fault.taken) if self.fault else None


async def heard_from(
    server: Server,
    options: MixOptions | None = None,
    timeouts: Timeouts | None = None,
    *,
    stream: bool = True,
) -> Heard:
    upstream, client = upstream_at(server.url, options, timeouts)
    heard = Heard()
    try:
        async with upstream.open(call(stream=stream)) as answer:
            async for batch in answer:
                assert batch
                heard.batches.append(batch)
    except UpstreamFault as fault:
        heard.fault = fault
    heard.idle_connections = client.idle_connections
    client.close()
    return heard


def answering(answer: bytes) -> Serve:
    """Gives the answer and waits for the client to hang up."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)
        await connection.wait_hung_up()

    return serve


def closing(answer: bytes) -> Serve:
    """Gives the answer and closes."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)

    return serve


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


# --- silence and leaving -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "limit"),
    [(b"", Detail.FIRST_BYTE), (SSE_HEAD, Detail.IDLE), (SSE_HEAD + chunked(START, HI), Detail.IDLE)],
    ids=["silent", "after the head", "after a delta"],
)
async def test_silence_is_a_time_out_with_its_name(answer: bytes, limit: Detail) -> None:
    async with serving([answering(answer)]) as server:
        limits = Timeouts(first_byte=0.05) if limit is Detail.FIRST_BYTE else Timeouts(idle=0.05)
        heard = await heard_from(server, timeouts=limits)
    assert heard.verdict == (EndReason.TIMEOUT, limit, True)


async def test_keep_alive_comments_are_signs_of_life_and_say_nothing() -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START))
        for _ in range(12):
            await connection.send(chunked(b": ping\n\n"))
            with trio.move_on_after(0.05):
                await connection.wait_hung_up()
                return
        await connection.send(chunked(HI, FINISH, DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        heard = await heard_from(server, timeouts=Timeouts(idle=0.5))
    assert heard.fault is None
    assert heard.events == [*SAID, Finished("stop")]


async def test_cancelling_a_stream_closes_the_connection_at_once() -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START, HI))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        upstream, client = upstream_at(server.url)
        with trio.CancelScope() as scope:
            async with upstream.open(call()) as stream:
                async for batch in stream:
                    if Text("hi") in batch:
                        scope.cancel()
        assert scope.cancelled_caught
        await hung_up.wait()
        assert client.idle_connections == 0


async def test_closing_a_stream_from_another_task_ends_its_read_and_the_connection() -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START, HI))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        upstream, _ = upstream_at(server.url)
        async with upstream.open(call()) as stream, trio.open_nursery() as nursery:
            batches = aiter(stream)
            assert await anext(batches) == SAID

            async def close() -> None:
                await trio.testing.wait_all_tasks_blocked()
                await stream.aclose()
                await stream.aclose()

            nursery.start_soon(close)
            with pytest.raises(trio.ClosedResourceError):
                await anext(batches)
        await hung_up.wait()


def chosen_call(base: ChosenBase) -> UpstreamCall:
    asked = call()
    return evolve(asked, turn=msgspec.structs.replace(asked.turn, base=base))


async def test_a_chosen_base_is_connected_to_at_its_checked_address_under_its_own_name() -> None:
    asked: list[bytes] = []

    async def serve(connection: Connection) -> None:
        asked.append(await connection.request())
        await connection.send(SSE_HEAD + chunked(START + HI + FINISH + DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        upstream, client = upstream_at("http://configured.invalid", MixOptions(base_url="", chat_path="/c"))
        base = ChosenBase(url=f"http://site.example:{server.port}/api", host="", addresses=("127.0.0.1",))
        # Were the name looked up again (DNS rebinding), it would lead where nobody listens.
        with resolving({"site.example": ["127.0.0.9"]}) as names:
            async with upstream.open(chosen_call(base)) as answer:
                events = [event async for batch in answer for event in batch]
            assert names.asked == []
        client.close()
    assert events[-1] == Finished("stop")
    assert asked[0].startswith(b"POST /api/c HTTP/1.1\r\nhost: site.example:%d\r\n" % server.port)


async def test_a_chosen_base_without_checked_addresses_is_never_connected_to() -> None:
    upstream, client = upstream_at("http://configured.invalid")
    with pytest.raises(ValueError, match="checked"):
        async with upstream.open(chosen_call(ChosenBase(url="http://x", host="x", addresses=()))):
            pass
    client.close()
