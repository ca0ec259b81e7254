"""TLS: certificates, host names, farewells, and one trust store per client."""

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
from upstreams.http.calls import CHUNKED, HUGE, answering, asking, body_from, closing, fault_of, say_nothing
from upstreams.loopback import LAST_CHUNK, Connection, chunked, head, serving

from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason


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
