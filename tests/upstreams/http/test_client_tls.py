"""TLS: certificates, host names, farewells, and one trust store per client."""

from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import evolve
from certificates import Certificate, made_in
from upstreams.http.calls import CHUNKED, HUGE, answering, asking, body_from, closing, fault_of, say_nothing
from upstreams.loopback import LAST_CHUNK, Connection, chunked, head, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return made_in(tmp_path)


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
