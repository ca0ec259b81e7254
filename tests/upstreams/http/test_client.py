"""The client against real loopback servers: framing, reuse, staleness, limits, faults, retries, TLS."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import evolve, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from upstreams.loopback import LAST_CHUNK, Connection, Serve, chunked, head, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.limits import KeepAlive, Retries, Timeouts
from mix2api.upstreams.http.origin import Origin, split_url
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

CHUNKED = head("transfer-encoding: chunked")
HUGE = b"0123456789abcdef" * 100_000


def asking(url: str, body: bytes = b"{}") -> HttpRequest:
    origin, path = split_url(url)
    return HttpRequest(origin=origin, path=f"{path}/chats", headers=(), body=body)


async def body_from(client: HttpClient, url: str, body: bytes = b"{}") -> bytes:
    """The whole body of one answer."""
    async with client.send(asking(url, body)) as exchange:
        await exchange.head()
        pieces = []
        while piece := await exchange.receive():
            pieces.append(piece)
        return b"".join(pieces)


def fault_of(raised: pytest.ExceptionInfo[UpstreamFault]) -> tuple[EndReason, Detail, bool]:
    return raised.value.end_reason, raised.value.detail, raised.value.taken


def answering(*answers: bytes) -> Serve:
    """Gives the answers to one request after another, then waits for the client to hang up."""

    async def serve(connection: Connection) -> None:
        for answer in answers:
            await connection.request()
            await connection.send(answer)
        await connection.wait_hung_up()

    return serve


def closing(answer: bytes) -> Serve:
    """Gives the answer to one request and closes."""

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)

    return serve


async def accept_and_close(connection: Connection) -> None:
    """Closes without a word."""
    await connection.request()


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + chunked(b"hello ", b"world") + LAST_CHUNK,
        head("content-length: 11") + b"hello world",
    ],
    ids=["chunked", "sized"],
)
async def test_a_body_with_an_end_is_read_and_its_connection_kept(answer: bytes) -> None:
    async with serving([answering(answer, answer)]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await body_from(client, server.url) == b"hello world"
            assert client.idle_connections == 1
        assert server.accepted == 1
        client.close()
        assert client.idle_connections == 0


async def test_a_body_that_ends_with_the_connection_is_read_and_nothing_kept() -> None:
    async with serving([closing(head() + b"hello world")]) as server:
        client = HttpClient(HttpOptions())
        assert await body_from(client, server.url) == b"hello world"
        assert client.idle_connections == 0


async def test_an_answer_without_a_body_keeps_the_connection() -> None:
    async with serving([answering(head(status="204 No Content"))]) as server:
        client = HttpClient(HttpOptions())
        assert await body_from(client, server.url) == b""
        assert client.idle_connections == 1
        client.close()


async def test_large_bodies_pass_both_ways() -> None:
    received: list[bytes] = []

    async def serve(connection: Connection) -> None:
        received.append(await connection.request())
        await connection.send(CHUNKED + chunked(HUGE, HUGE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        assert await body_from(client, server.url, HUGE) == HUGE + HUGE
        assert received[0].endswith(b"\r\n\r\n" + HUGE)
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        head("content-length: 2", "connection: close") + b"ok",
        head("content-length: 2") + b"ok and more",
        head("content-length: 0") + b"more",
        head("content-length: 2", "transfer-encoding: chunked") + chunked(b"ok") + LAST_CHUNK,
        CHUNKED + chunked(b"ok") + LAST_CHUNK + b"more",
    ],
)
async def test_a_connection_that_cannot_be_trusted_is_not_kept(answer: bytes) -> None:
    async with serving([answering(answer)]) as server:
        client = HttpClient(HttpOptions())
        await body_from(client, server.url)
        assert client.idle_connections == 0


async def test_without_keep_alive_each_call_connects() -> None:
    answer = head("content-length: 2") + b"ok"
    async with serving([answering(answer)]) as server:
        client = HttpClient(HttpOptions(keep_alive=KeepAlive(enabled=False)))
        for _ in range(2):
            assert await body_from(client, server.url) == b"ok"
        assert server.accepted == 2


async def test_an_idle_connection_that_the_peer_closed_is_not_used() -> None:
    answer = head("content-length: 2") + b"ok"
    closed = trio.Event()

    async def serve_once(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)
        await connection.stream.aclose()
        closed.set()

    async with serving([serve_once, answering(answer)]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await body_from(client, server.url) == b"ok"
            await closed.wait()
        assert server.accepted == 2
        client.close()


@pytest.mark.parametrize("by_reset", [False, True])
async def test_an_idle_connection_that_closes_under_the_request_is_replaced_once(by_reset: bool) -> None:  # noqa: FBT001
    answer = head("content-length: 2") + b"ok"
    asked: list[bytes] = []

    async def serve_then_close(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer)
        asked.append(await connection.request())
        if by_reset:
            await connection.reset()

    async def serve_again(connection: Connection) -> None:
        asked.append(await connection.request())
        await connection.send(answer)
        await connection.wait_hung_up()

    async with serving([serve_then_close, serve_again]) as server:
        client = HttpClient(HttpOptions())
        for _ in range(2):
            assert await body_from(client, server.url) == b"ok"
        assert asked[0] == asked[1]
        assert server.accepted == 2
        client.close()


async def test_a_request_that_may_have_been_read_counts_as_taken_if_the_site_is_gone_then() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    client = HttpClient(HttpOptions())

    async def serve() -> None:
        stream = await listeners[0].accept()
        connection = Connection(stream)
        await connection.request()
        await connection.send(head("content-length: 2") + b"ok")
        await connection.request()
        await listeners[0].aclose()
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await body_from(client, f"http://127.0.0.1:{port}")
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, f"http://127.0.0.1:{port}")
    assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, True)


async def test_a_fresh_connection_that_closes_without_a_word_is_a_cut_and_not_replaced() -> None:
    async with serving([accept_and_close]) as server:
        client = HttpClient(HttpOptions())
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
        assert server.accepted == 1


async def test_an_idle_connection_that_closes_inside_the_head_is_a_cut_and_not_replaced() -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(head("content-length: 2") + b"ok")
        await connection.request()
        await connection.send(b"HTTP/1.1 200")

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        await body_from(client, server.url)
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
        assert server.accepted == 1


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (CHUNKED + chunked(b"hello") + b"5\r\nwor", Detail.TRUNCATED),
        (CHUNKED + chunked(b"hello"), Detail.TRUNCATED),
        (head("content-length: 11") + b"hello", Detail.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\n", Detail.TRUNCATED),
        (CHUNKED + b"hello world\r\n", Detail.PROTOCOL),
        (b"220 mail.example ESMTP\r\n\r\n", Detail.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000, Detail.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", Detail.TOO_LARGE),
        (b"HTTP/1.1 102 Wait\r\n\r\n" * 9, Detail.TOO_MANY),
        (CHUNKED + b"5;" + b"x" * 70_000, Detail.TOO_LARGE),
        (CHUNKED + chunked(b"hello") + b"0\r\n" + b"a: b\r\n" * 20_000, Detail.TOO_LARGE),
    ],
    ids=[
        "in a chunk",
        "between chunks",
        "in a sized body",
        "in the head",
        "no chunk",
        "no HTTP",
        "endless head",
        "long head",
        "endless interim answers",
        "endless size line",
        "endless trailers",
    ],
)
async def test_a_cut_and_garbage_are_told_apart(answer: bytes, detail: Detail) -> None:
    async with serving([closing(answer)]) as server:
        client = HttpClient(HttpOptions())
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, detail, True)
        assert client.idle_connections == 0


async def test_a_reset_in_the_body_is_a_cut_with_the_status() -> None:
    read = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + chunked(b"hello"))
        await read.wait()
        await connection.reset()

    async with serving([serve]) as server:
        async with HttpClient(HttpOptions()).send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"hello"
            read.set()
            with pytest.raises(UpstreamFault) as raised:
                await exchange.receive()
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, True)
        assert raised.value.status == 200


async def test_an_answer_given_before_the_request_was_read_is_understood() -> None:
    async def serve(connection: Connection) -> None:
        await connection.send(head("content-length: 3", "connection: close", status="413 Too Large") + b"big")
        await connection.stream.wait_send_all_might_not_block()
        while await connection.stream.receive_some():
            pass

    async with (
        serving([serve]) as server,
        HttpClient(HttpOptions()).send(asking(server.url, HUGE)) as exchange,
    ):
        assert (await exchange.head()).status == 413


async def test_an_answer_followed_by_a_reset_under_the_request_is_understood() -> None:
    async def serve(connection: Connection) -> None:
        await connection.send(head("content-length: 3", "connection: close", status="413 Too Large") + b"big")
        await connection.reset()

    request_bytes = HUGE * 10
    async with (
        serving([serve]) as server,
        HttpClient(HttpOptions()).send(asking(server.url, request_bytes)) as exchange,
    ):
        assert (await exchange.head()).status == 413


async def test_a_refused_connection_and_an_unknown_name_cannot_be_reached() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    client = HttpClient(HttpOptions())
    for url in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, False)


# --- limits in time: the sockets really wait, 50 ms --------------------------------------------------------------


async def say_nothing(connection: Connection) -> None:
    await connection.wait_hung_up()


async def drip_the_head(connection: Connection) -> None:
    """A byte at a time, each within the limit: the limit is the head's and not the byte's."""
    for byte in head("content-length: 2", "a: " + "x" * 1000):
        await connection.send(bytes([byte]))
        with trio.move_on_after(0.02):
            await connection.wait_hung_up()
            return


async def stop_in_the_body(connection: Connection) -> None:
    await connection.send(CHUNKED + chunked(b"hello"))
    await connection.wait_hung_up()


async def stop_after_the_head(connection: Connection) -> None:
    await connection.send(CHUNKED)
    await connection.wait_hung_up()


async def drip_the_body(connection: Connection) -> None:
    await connection.send(CHUNKED)
    while True:
        await connection.send(chunked(b"x"))
        with trio.move_on_after(0.01):
            await connection.wait_hung_up()
            return


@pytest.mark.parametrize(
    ("serve", "timeouts", "limit", "status"),
    [
        (say_nothing, Timeouts(first_byte=0.05), Detail.FIRST_BYTE, None),
        (drip_the_head, Timeouts(first_byte=0.05), Detail.FIRST_BYTE, None),
        (stop_after_the_head, Timeouts(idle=0.05), Detail.IDLE, 200),
        (stop_in_the_body, Timeouts(idle=0.05), Detail.IDLE, 200),
        (say_nothing, Timeouts(total=0.05), Detail.TOTAL, None),
        (drip_the_body, Timeouts(total=0.2), Detail.TOTAL, 200),
    ],
)
async def test_each_limit_passes_under_its_own_name(
    serve: Serve, timeouts: Timeouts, limit: Detail, status: int | None
) -> None:
    hung_up = trio.Event()

    async def serve_and_tell(connection: Connection) -> None:
        await serve(connection)
        hung_up.set()

    async with serving([serve_and_tell]) as server:
        client = HttpClient(HttpOptions(timeouts=timeouts))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.TIMEOUT, limit, True)
        assert raised.value.status == status
        await hung_up.wait()


async def test_a_request_that_nobody_reads_is_limited_too() -> None:
    async def read_nothing(connection: Connection) -> None:
        await trio.sleep_forever()
        await connection.request()

    async with serving([read_nothing]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(first_byte=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url, HUGE * 10)
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.FIRST_BYTE, True)


@pytest.mark.parametrize(
    ("timeouts", "limit"),
    [(Timeouts(connect=0.05), Detail.CONNECT), (Timeouts(total=0.05), Detail.TOTAL)],
)
async def test_a_tls_server_that_is_none_runs_into_the_limit_untaken(
    timeouts: Timeouts, limit: Detail
) -> None:
    async with serving([say_nothing]) as server:
        client = HttpClient(HttpOptions(timeouts=timeouts))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url.replace("http:", "https:"))
        assert fault_of(raised) == (EndReason.TIMEOUT, limit, False)


async def test_a_full_accept_queue_runs_into_the_connect_limit() -> None:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [trio.socket.socket() for _ in range(4)]
        with trio.move_on_after(0.05):
            for queued in waiting:
                await queued.connect(("127.0.0.1", port))
        client = HttpClient(HttpOptions(timeouts=Timeouts(connect=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, f"http://127.0.0.1:{port}")
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.CONNECT, False)
        for queued in waiting:
            queued.close()


async def test_a_consumer_may_take_longer_than_the_idle_limit() -> None:
    more = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + chunked(b"a"))
        await more.wait()
        await connection.send(chunked(b"b") + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(idle=0.3)))
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"a"
            with trio.move_on_after(0.4):  # longer than the limit, in real time: that is what is tested
                await trio.sleep_forever()
            more.set()
            assert await exchange.receive() == b"b"
            assert await exchange.receive() == b""
        client.close()


async def test_a_limit_that_is_caught_inside_the_context_comes_again_at_its_end() -> None:
    async with serving([say_nothing]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(first_byte=0.05)))
        with pytest.raises(UpstreamFault) as raised:  # noqa: PT012 - the context is the point
            async with client.send(asking(server.url)) as exchange:
                with pytest.raises(UpstreamFault):
                    await exchange.head()
                await trio.lowlevel.checkpoint()
                pytest.fail("a wait inside the context goes on")
        assert raised.value.detail is Detail.FIRST_BYTE


# --- leaving -----------------------------------------------------------------------------------------------------


async def test_leaving_early_closes_at_once() -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.send(CHUNKED + chunked(b"a"))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions())
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"a"
        await hung_up.wait()
        assert client.idle_connections == 0


@pytest.mark.parametrize("serve", [say_nothing, stop_in_the_body])
async def test_cancelling_closes_at_once(serve: Serve) -> None:
    asked, hung_up = trio.Event(), trio.Event()

    async def serve_and_tell(connection: Connection) -> None:
        await connection.request()
        asked.set()
        await serve(connection)
        hung_up.set()

    async with serving([serve_and_tell]) as server, trio.open_nursery() as nursery:
        client = HttpClient(HttpOptions())
        nursery.start_soon(body_from, client, server.url)
        await asked.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await hung_up.wait()
    assert client.idle_connections == 0


async def test_closing_from_another_task_ends_a_read() -> None:
    async with serving([stop_in_the_body]) as server:
        client = HttpClient(HttpOptions())
        async with client.send(asking(server.url)) as exchange, trio.open_nursery() as nursery:
            await exchange.head()
            await exchange.receive()

            async def close() -> None:
                await trio.testing.wait_all_tasks_blocked()
                exchange.close()

            nursery.start_soon(close)
            with pytest.raises(trio.ClosedResourceError):
                await exchange.receive()
            with pytest.raises(trio.ClosedResourceError):
                await exchange.receive()


async def test_a_satisfied_caller_waits_shortly_for_the_body_s_end() -> None:
    left = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + chunked(b"a"))
        await left.wait()
        await connection.send(LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(drain=5)))
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            assert await exchange.receive() == b"a"
            exchange.satisfy()
            left.set()
        assert client.idle_connections == 1
        client.close()


@pytest.mark.parametrize("serve", [stop_in_the_body, drip_the_body])
async def test_a_satisfied_caller_does_not_wait_for_ever(serve: Serve) -> None:
    hung_up = trio.Event()

    async def serve_and_tell(connection: Connection) -> None:
        await serve(connection)
        hung_up.set()

    async with serving([serve_and_tell]) as server:
        client = HttpClient(HttpOptions())
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            await exchange.receive()
            exchange.satisfy()
        await hung_up.wait()
        assert client.idle_connections == 0


# --- further attempts --------------------------------------------------------------------------------------------

BUSY = head("content-length: 0", status="503 Busy")
BUSY_FOR_LONG = head("content-length: 0", "retry-after: 60", status="503 Busy")
OK = head("content-length: 2") + b"ok"


async def statuses(server_answers: list[bytes], retries: Retries, draws: list[float]) -> tuple[int, int]:
    """The status that the caller sees, and how many attempts were made."""
    async with serving([closing(answer) for answer in server_answers]) as server:
        client = HttpClient(HttpOptions(retries=retries), draw=lambda: draws.pop(0))
        async with client.send(asking(server.url)) as exchange:
            status = (await exchange.head()).status
        client.close()
        return status, server.accepted


async def test_by_default_a_busy_site_is_asked_once() -> None:
    assert await statuses([BUSY, OK], Retries(), [0.0]) == (503, 1)


async def test_a_busy_site_is_asked_again_as_often_as_allowed() -> None:
    retries = Retries(count=2, base_s=0.001)
    assert await statuses([BUSY, BUSY, OK], retries, [1.0, 1.0]) == (200, 3)
    assert await statuses([BUSY, BUSY, BUSY, OK], retries, [1.0, 1.0, 1.0]) == (503, 3)


async def test_a_site_that_is_busy_for_long_is_not_waited_for() -> None:
    assert await statuses([BUSY_FOR_LONG, OK], Retries(count=1), [0.0]) == (503, 1)


async def test_other_refusals_are_not_repeated() -> None:
    answer = head("content-length: 0", status="500 Oops")
    assert await statuses([answer, OK], Retries(count=3), []) == (500, 1)


async def test_a_connection_that_is_refused_is_tried_again() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    draws = [0.0, 0.0, 0.0]
    client = HttpClient(HttpOptions(retries=Retries(count=2, base_s=0)), draw=draws.pop)
    with pytest.raises(UpstreamFault):
        await body_from(client, f"http://127.0.0.1:{port}")
    assert draws == []


async def test_the_wait_before_a_further_attempt_is_within_the_total_limit() -> None:
    options = HttpOptions(
        retries=Retries(count=1, base_s=100, longest_wait_s=100), timeouts=Timeouts(total=0.05)
    )
    async with serving([answering(BUSY)]) as server:
        client = HttpClient(options, draw=lambda: 1.0)
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert raised.value.detail is Detail.TOTAL


# --- TLS ---------------------------------------------------------------------------------------------------------


@frozen
class Certificate:
    """A server's self-made certificate for 127.0.0.1 and site.example, as files."""

    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


_HOSTS = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("site.example")]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)  # noqa: TID251 - the certificate must be valid now
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(_HOSTS), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    made.cert_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


async def test_tls_with_a_trusted_certificate_is_used_and_kept(certificate: Certificate) -> None:
    answer = CHUNKED + chunked(HUGE) + LAST_CHUNK
    async with serving([answering(answer, answer)], certificate.server_context()) as server:
        client = HttpClient(HttpOptions(ca_file=certificate.cert_file))
        for _ in range(2):
            assert await body_from(client, server.url) == HUGE
        assert (server.accepted, client.idle_connections) == (1, 1)
        client.close()


async def test_the_pieces_of_a_hurried_tls_peer_are_not_waited_for(
    certificate: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.5  # seconds: the clock moves only if nothing else does

    async def hurry(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED)
        for _ in range(100):
            await connection.send(chunked(b"x"))
        await connection.send(LAST_CHUNK)
        await connection.wait_hung_up()

    began = trio.current_time()
    async with serving([hurry], certificate.server_context()) as server:
        client = HttpClient(HttpOptions(ca_file=certificate.cert_file))
        async with client.send(asking(server.url)) as exchange:
            await exchange.head()
            while await exchange.receive():
                assert trio.current_time() == began
        client.close()


async def test_tls_to_a_checked_address_asks_for_the_host_s_name(certificate: Certificate) -> None:
    asked: list[str | None] = []
    context = certificate.server_context()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with serving([closing(head() + b"hello")], context) as server:
        client = HttpClient(HttpOptions(ca_file=certificate.cert_file))
        origin = Origin("https", "site.example", server.port, ("127.0.0.1",))
        request = HttpRequest(origin=origin, path="/", headers=(), body=b"")
        async with client.send(request) as exchange:
            assert (await exchange.head()).status == 200
            assert await exchange.receive() == b"hello"
        other = HttpRequest(origin=evolve(origin, host="other.example"), path="/", headers=(), body=b"")
        with pytest.raises(UpstreamFault) as raised:
            async with client.send(other):
                pass
    assert raised.value.detail is Detail.CONNECT_FAILED
    assert asked == ["site.example", "other.example"]


async def test_tls_closed_without_a_farewell_ends_a_body_without_framing(certificate: Certificate) -> None:
    async with serving([closing(head() + b"hello")], certificate.server_context()) as server:
        client = HttpClient(HttpOptions(ca_file=certificate.cert_file))
        assert await body_from(client, server.url) == b"hello"


async def test_tls_closed_inside_a_chunk_is_a_cut(certificate: Certificate) -> None:
    async with serving([closing(CHUNKED + b"5\r\nhel")], certificate.server_context()) as server:
        client = HttpClient(HttpOptions(ca_file=certificate.cert_file))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert raised.value.detail is Detail.TRUNCATED


async def test_a_certificate_that_is_not_trusted_cannot_be_reached(certificate: Certificate) -> None:
    async with serving([say_nothing], certificate.server_context()) as server:
        with pytest.raises(UpstreamFault) as raised:
            await body_from(HttpClient(HttpOptions()), server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, False)


async def test_a_plain_server_on_a_tls_url_cannot_be_reached() -> None:
    async def speak_plainly(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await connection.wait_hung_up()

    async with serving([speak_plainly]) as server:
        with pytest.raises(UpstreamFault) as raised:
            await body_from(HttpClient(HttpOptions()), server.url.replace("http:", "https:"))
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, False)


def test_a_certificate_file_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for wrong in (tmp_path / "missing.pem", broken):
        with pytest.raises(OSError):  # noqa: PT011 - ssl.SSLError is one, and the texts are OpenSSL's
            HttpClient(HttpOptions(ca_file=wrong))


async def test_one_client_makes_its_trust_store_once(certificate: Certificate) -> None:
    client = HttpClient(HttpOptions())
    async with serving([say_nothing], certificate.server_context()) as server:
        for _ in range(2):
            with pytest.raises(UpstreamFault):
                await body_from(client, server.url)


def test_origins_are_pooled_apart() -> None:
    assert Origin("http", "a", 80) != Origin("https", "a", 80)


# --- bounds ------------------------------------------------------------------------------------------------------


async def endless(connection: Connection, begin: bytes, piece: bytes) -> None:
    """Sends the piece again and again until the client hangs up."""
    await connection.request()
    await connection.send(begin)
    while True:
        await connection.send(piece)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (CHUNKED, chunked(b"x" * 1000)),
        (CHUNKED, b"1;" + b"e" * 1000 + b"\r\nx\r\n"),
        (head(), b"x" * 1000),
        (head("content-length: 99999999999999999999"), b"x" * 1000),
    ],
    ids=["chunks", "chunk extensions", "until close", "an absurd length"],
)
async def test_a_body_without_end_is_given_up_at_the_answer_s_bound(begin: bytes, piece: bytes) -> None:
    async def serve(connection: Connection) -> None:
        await endless(connection, begin, piece)

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(answer_limit=1_000_000))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TOO_LARGE, True)
        assert raised.value.status == 200
        assert client.idle_connections == 0


@pytest.mark.parametrize(("size", "passes"), [(200_000, True), (200_001, False)])
async def test_the_answer_s_bound_is_exact(size: int, passes: bool) -> None:  # noqa: FBT001
    async with serving([answering(head(f"content-length: {size}") + b"x" * size)]) as server:
        client = HttpClient(HttpOptions(answer_limit=200_000))
        if passes:
            assert len(await body_from(client, server.url)) == size
        else:
            with pytest.raises(UpstreamFault) as raised:
                await body_from(client, server.url)
            assert fault_of(raised) == (EndReason.UPSTREAM_ERROR, Detail.TOO_LARGE, True)
        client.close()


async def test_a_head_that_drips_runs_into_the_first_byte_limit() -> None:
    async def serve(connection: Connection) -> None:
        await endless(connection, b"HTTP/1.1 200 OK\r\na: ", b"x")

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(first_byte=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.FIRST_BYTE, True)


async def test_a_body_that_drips_without_content_is_silent() -> None:
    async def serve(connection: Connection) -> None:
        await endless(connection, CHUNKED, chunked(b"x"))

    async with serving([serve]) as server:
        client = HttpClient(HttpOptions(timeouts=Timeouts(silent=0.05)))
        with pytest.raises(UpstreamFault) as raised:
            await body_from(client, server.url)
        assert fault_of(raised) == (EndReason.TIMEOUT, Detail.SILENT, True)
