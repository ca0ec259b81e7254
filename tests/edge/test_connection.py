"""What HTTP/1.1 the edge takes, byte by byte: targets, framing, pipelining, and what it refuses before there is a request."""

import struct

import h11
import msgspec
import pytest
import trio
import trio.testing
from edge.harness import ACCEPTED, ASK, STOPPED, TOKEN, Client, Edge, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.replies import PIECE_BYTES
from mix2api.sessions.worker_port import TextDelta
from mix2api.vocabulary import Detail, EndReason, Receipt

ALIVE = b"GET /health/live HTTP/1.1\r\nhost: edge\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: edge\r\n"
MORE_THAN_BUFFERS_HOLD = 20_000_000
CHUNKED = b"transfer-encoding: chunked\r\n"


def chat(*headers: bytes, stream: bool = False) -> bytes:
    body = msgspec.json.encode(ASK | {"stream": stream})
    given = [b"authorization: Bearer " + TOKEN.encode(), b"content-length: %d" % len(body), *headers]
    return POST + b"".join(header + b"\r\n" for header in given) + b"\r\n" + body


async def told(edge: Edge, data: bytes) -> bytes:
    """All that the edge answers until it closes."""
    async with edge.connect() as client:
        await client.stream.send_all(data)
        return await rest_of(client)


async def rest_of(client: Client) -> bytes:
    return b"".join([piece async for piece in client.stream])


async def settled_tasks() -> int:
    await trio.testing.wait_all_tasks_blocked()
    return trio.lowlevel.current_statistics().tasks_living


async def until_as_few_tasks_as(before: int) -> None:
    """The harness bounds the wait."""
    while await settled_tasks() > before:
        pass


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nhost: edge\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nhost: edge\r\n\r\n", 400),
        (b"HEAD http://[ HTTP/1.0\r\nhost: edge\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: edge\r\nx: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: edge\r\nx: " + b"a" * 100_000, 431),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\n12345", 400),
        (POST + b"content-length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + ALIVE, 400),
        (b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
        (POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + CHUNKED + b"authorization: Bearer " + TOKEN.encode() + b"\r\n\r\nzz\r\n", 400),
        (b"GET /health/live HTTP/1.1\nhost: edge\n\n", 400),
        (b"GET /health/live HTTP/1.1\r\nhost: edge\r\n\n", 400),
        (b"GET /health/live HTTP/1.1\r\nhost: edge\nx: y\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nhost: edge\r\nx: y\r\n z\r\n\r\n", 400),
        (POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"transfer-encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"transfer-encoding: chunked\r\n \r\n\r\n0\r\n\r\n", 400),
        (POST + b"host: other\r\ncontent-length: 2\r\n\r\n{}", 400),
        (POST + b"content-length: 2\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: edge\r\n" + b"x: y\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: edge\r\nx: " + b"a" * 17_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_cannot_be_read_gets_the_envelope_and_a_line_and_the_connection_closes(
    data: bytes, status: int
) -> None:
    async with running_edge() as edge:
        told_whole = await told(edge, data)
        (refused,) = edge.watcher.refused
        assert edge.watcher.faults == []
        assert edge.dispatch.waiting == 0
    head, _, body = told_whole.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-request-id: " + refused.request_id.encode() in head
    assert told_whole.count(b"\r\nx-request-id: ") == 1
    if not data.startswith(b"HEAD"):
        assert msgspec.json.decode(body)["error"]["code"] == "malformed_http"
    assert (refused.http_status, refused.end_reason) == (status, EndReason.INVALID_REQUEST)


@pytest.mark.parametrize(
    ("token", "status", "code"), [(TOKEN, 400, "malformed_http"), ("none", 401, "invalid_api_key")]
)
async def test_a_body_that_breaks_the_framing_leaves_one_line_of_its_request(
    token: str, status: int, code: str
) -> None:
    head = POST + CHUNKED + b"x-request-id: mine\r\nauthorization: Bearer " + token.encode() + b"\r\n\r\n"
    async with running_edge() as edge, edge.connect() as client:
        await client.stream.send_all(head + b"1\r\n{\r\n")
        await trio.testing.wait_all_tasks_blocked()
        await client.stream.send_all(b"zz\r\n")
        said = await rest_of(client)
        (refused,) = edge.watcher.refused
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-request-id: mine\r\n" in said
    assert (refused.request_id, refused.http_status, refused.reject_reason) == ("mine", status, code)


@pytest.mark.parametrize("trailer", [b"0\r\n\n", b"0\r\nx: y\n\r\n", b"0\r\nx: y\n\n"])
@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_chunked_body_whose_end_two_servers_may_see_differently_is_refused(
    trailer: bytes, pieces: int
) -> None:
    head = POST + CHUNKED + b"x-request-id: mine\r\nauthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
    async with running_edge() as edge, edge.connect() as client:
        await client.stream.send_all(head + b"2\r\n{}\r\n" + trailer[: len(trailer) // pieces])
        await trio.testing.wait_all_tasks_blocked()
        await client.stream.send_all(trailer[len(trailer) // pieces :] + ALIVE)
        said = await rest_of(client)
        (refused,) = edge.watcher.refused
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"\r\nx-request-id: ") == 1
    assert (refused.request_id, refused.reject_reason) == ("mine", "malformed_http")


async def test_a_chunked_body_with_a_trailer_is_read() -> None:
    body = msgspec.json.encode(ASK)
    head = POST + CHUNKED + b"authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
    async with running_edge() as edge:
        said = await told(edge, head + b"%x\r\n" % len(body) + body + b"\r\n0\r\nx: y\r\n\r\n" + LAST)
    assert [part[:4] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200 "] * 2


@pytest.mark.parametrize("value", [b"Bearer " + TOKEN.encode(), b"Bearer other", b""])
@pytest.mark.parametrize(
    "name", [b"authorization", b"X-API-Key", b"x-session-id", b"x-session-key", b"x-upstream-base-url"]
)
async def test_of_two_headers_that_say_who_calls_or_what_is_meant_none_is_taken(
    name: bytes, value: bytes
) -> None:
    twice = [name + b": Bearer " + TOKEN.encode(), name + b": " + value]
    given = twice[1:] if name == b"authorization" else twice  # `chat` brings the first
    async with running_edge() as edge:
        said = await told(edge, chat(*given, b"connection: close"))
        (refused,) = edge.watcher.refused
        assert edge.dispatch.waiting == 0
    assert said.startswith(b"HTTP/1.1 400 ")
    error = msgspec.json.decode(said.partition(b"\r\n\r\n")[2])["error"]
    assert (error["code"], error["param"]) == ("repeated_header", name.decode().lower())
    assert (refused.http_status, refused.end_reason) == (400, EndReason.INVALID_REQUEST)


async def test_other_headers_may_be_repeated() -> None:
    async with running_edge() as edge:
        said = await told(edge, chat(b"accept: a", b"accept: b", b"connection: close"))
    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://elsewhere/health/live", 200),
        (b"http://elsewhere/health/live?x", 200),
        (b"http://elsewhere", 405),
        (b"?x", 405),
        (b"*", 404),
        (b"edge:443", 404),
        (b"/%ff%00%0a", 404),
    ],
)
async def test_every_form_of_a_target_is_routed_by_its_path(target: bytes, status: int) -> None:
    async with running_edge() as edge:
        said = await told(edge, b"GET " + target + b" HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n")
        assert edge.watcher.faults == []
    assert said.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("host", [b"", b"..", b"x" * 5000, b"\xff", b"a b", b"[::1", b"x:99999999"])
async def test_no_host_is_a_fault_of_ours(host: bytes) -> None:
    async with running_edge() as edge:
        said = await told(edge, LAST.replace(b"host: edge", b"host: " + host))
        assert edge.watcher.faults == []
    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "data",
    [
        chat() + chat() + LAST,
        b"\r\n\r\n" + chat() + b"\r\n" + chat() + b"\r\n\r\n" + LAST + b"\r\n",
        chat(b"upgrade: h2c", b"connection: upgrade") + chat(b"expect: 100-continue") + LAST + ALIVE,
    ],
)
async def test_requests_that_come_at_once_are_answered_in_order(data: bytes) -> None:
    async with running_edge() as edge:
        said = (await told(edge, data)).replace(b"HTTP/1.1 100 ", b"")
        assert edge.watcher.refused == []
    assert [part[:4] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200 "] * 3
    assert said.index(b"Hello there") < said.rindex(b"Hello there") < said.index(b"alive")


async def test_what_comes_after_the_last_request_does_not_end_its_answer() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge, edge.connect() as client:
        await client.stream.send_all(chat(b"connection: close", stream=True) + b"\r\n")
        run = await edge.dispatch.next_run()
        await client.stream.send_all(b"\r\nmore" + ALIVE)
        run.say(STOPPED)
        assert (await rest_of(client)).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert await run.wait_settled() is Receipt.WRITTEN


@pytest.mark.parametrize("ahead", [b"", ALIVE, ALIVE * 1000])
@pytest.mark.parametrize("upgrade", [(), (b"upgrade: h2c", b"connection: upgrade")])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_is_noticed_whatever_it_has_sent_ahead(
    ahead: bytes, upgrade: tuple[bytes, ...], *, stream: bool
) -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED])) as edge:
        before = await settled_tasks()
        async with edge.connect() as client:
            await client.stream.send_all(chat(*upgrade, stream=stream) + ahead)
            run = await edge.dispatch.next_run()
        assert await run.wait_aborted() is Detail.HUNG_UP
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        await until_as_few_tasks_as(before)


async def test_a_reset_that_a_write_meets_first_frees_a_connection_with_requests_ahead() -> None:
    async with running_edge(ScriptedDispatch([ACCEPTED, TextDelta("a")])) as edge:
        before = await settled_tasks()
        async with edge.connect() as client:
            await client.stream.send_all(chat(stream=True) + ALIVE * 2000)
            run = await edge.dispatch.next_run()
            await client.stream.receive_some()
            client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.stream.socket.close()
            run.say(STOPPED)
        assert await run.wait_settled() is Receipt.CLIENT_LEFT
        await until_as_few_tasks_as(before)


async def test_a_stalled_client_with_requests_ahead_is_let_go_whole() -> None:
    async with running_edge(ScriptedDispatch(), stall_limit_s=0.02, check_s=0.01) as edge:
        before = await settled_tasks()
        async with edge.connect() as client:
            await client.stream.send_all(chat(stream=True) + ALIVE)
            run = await edge.dispatch.next_run()
            run.say(ACCEPTED, TextDelta("x" * 20_000_000))
            assert await run.wait_aborted() is Detail.STALLED
            await until_as_few_tasks_as(before)


async def test_a_client_that_never_reads_small_answers_is_let_go_too() -> None:
    async with running_edge(stall_limit_s=0.02) as edge:
        before = await settled_tasks()
        async with edge.connect() as client:
            with pytest.raises(trio.BrokenResourceError):
                await client.stream.send_all(ALIVE * 1_000_000)
            await until_as_few_tasks_as(before)


async def test_answers_of_all_routes_follow_one_another_on_one_connection() -> None:
    """Chat is answered here and the rest by Quart: a client sees one server."""
    async with running_edge() as edge, edge.connect() as client:
        statuses = []
        for method, path, asked in [
            ("GET", "/health/live", None),
            ("POST", "/v1/chat/completions", {"stream": True}),
            ("GET", "/v1/models", None),
            ("POST", "/", {}),
            ("PUT", "/nowhere", None),
            ("POST", "/v1/chat/completions", {"messages": 5}),
            ("HEAD", "/health", None),
            ("POST", "/v1/chat/completions", {}),
        ]:
            client.http = h11.Connection(h11.CLIENT)
            await client.ask(method, path, b"" if asked is None else msgspec.json.encode(ASK | asked))
            statuses.append((await client.answer()).status)
        assert edge.watcher.faults == []
    assert statuses == [200, 200, 200, 200, 404, 400, 200, 200]


@pytest.mark.parametrize("size", [1, PIECE_BYTES, PIECE_BYTES + 1, MORE_THAN_BUFFERS_HOLD])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_long_answer_arrives_whole_and_its_receipt_waits_for_its_end(
    *, stream: bool, size: int
) -> None:
    async with running_edge(ScriptedDispatch()) as edge, edge.connect() as client:
        await client.ask_chat(stream=stream)
        run = await edge.dispatch.next_run()
        run.say(ACCEPTED, TextDelta("x" * size), STOPPED)
        if size == MORE_THAN_BUFFERS_HOLD:
            await trio.testing.wait_all_tasks_blocked()
            assert run.receipts == []
        answer = await client.answer()
        assert await run.wait_settled() is Receipt.WRITTEN
    assert answer.body.count(b"x") >= size
    assert stream == answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_client_of_http_1_0_gets_a_stream_without_chunks_that_ends_with_the_connection() -> None:
    request = chat(stream=True).replace(b"HTTP/1.1", b"HTTP/1.0")
    async with running_edge() as edge:
        head, _, body = (await told(edge, request)).partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert b"transfer-encoding" not in head
    assert (body[:6], body[-14:]) == (b"data: ", b"data: [DONE]\n\n")


async def test_the_answer_to_head_has_no_body() -> None:
    async with running_edge() as edge:
        said = await told(edge, LAST.replace(b"GET", b"HEAD"))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"\r\ncontent-length: 18\r\n" in said
    assert said.endswith(b"\r\n\r\n")


async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it() -> None:
    head, _, body = chat(b"expect: 100-continue", b"connection: close").partition(b"\r\n\r\n")
    async with running_edge() as edge, edge.connect() as client:
        await client.stream.send_all(head + b"\r\n\r\n")
        assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await client.stream.send_all(body)
        assert (await rest_of(client)).startswith(b"HTTP/1.1 200 ")


async def test_a_refused_request_whose_body_does_not_come_says_that_its_answer_is_the_last() -> None:
    head = POST + b"content-length: 5\r\nauthorization: Bearer none\r\n\r\n"
    async with running_edge(drain_s=0.01) as edge:
        said = await told(edge, head)
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in said
