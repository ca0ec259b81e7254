"""Every form of REDIS_URL, read strictly and tried against a real server of its kind."""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis_server import RedisServer

from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.store.redis.link import Reply
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.server_link import ServerLink


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def answer(url: str, *command: str) -> Reply:
    link = ServerLink(RedisLocation.parse(url), Timeouts(), "test-location")
    try:
        return (await link.execute(command))[0]
    finally:
        await link.aclose()


@pytest.fixture
def tcp_server(tmp_path: Path) -> tuple[RedisServer, int]:
    port = free_port()
    server = RedisServer(
        tmp_path, arguments=("--port", str(port), "--bind", "127.0.0.1", "--requirepass", "pa:ss w@rd")
    )
    server.start()
    yield server, port
    server.stop()


async def test_a_tcp_url_with_password_and_database(tcp_server: tuple[RedisServer, int]) -> None:
    _, port = tcp_server
    base = f"redis://:pa%3Ass%20w%40rd@127.0.0.1:{port}"
    assert await answer(f"{base}/3", "SET", "where", "three") == b"OK"
    assert await answer(f"{base}/3", "GET", "where") == b"three"
    assert await answer(f"{base}?db=3", "GET", "where") == b"three"
    assert await answer(base, "GET", "where") is None


async def test_a_url_with_an_acl_user(tcp_server: tuple[RedisServer, int]) -> None:
    _, port = tcp_server
    default = f"redis://:pa%3Ass%20w%40rd@127.0.0.1:{port}"
    rule = ("on", ">hers", "~*", "+@all")
    assert await answer(default, "ACL", "SETUSER", "anna", *rule) == b"OK"
    assert await answer(f"redis://anna:hers@127.0.0.1:{port}", "ACL", "WHOAMI") == b"anna"
    with pytest.raises(StoreUnavailable):
        await answer(f"redis://anna:wrong@127.0.0.1:{port}", "PING")


async def test_a_unix_url_with_a_database(redis_server: RedisServer) -> None:
    assert await answer(f"{redis_server.url}?db=2", "SET", "where", "two") == b"OK"
    assert await answer(redis_server.url, "GET", "where") is None


@asynccontextmanager
async def tls_before(server: RedisServer, directory: Path) -> AsyncIterator[tuple[int, Path]]:
    """Ends TLS on a port before the server, for not every redis-server is built with it; gives port and certificate."""
    certificate, key = make_certificate(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def forward(
        source: trio.abc.ReceiveStream, sink: trio.abc.SendStream, over: trio.CancelScope
    ) -> None:
        async for data in source:
            await sink.send_all(data)
        over.cancel()

    async def serve(client: trio.SSLStream[trio.SocketStream]) -> None:
        with suppress(trio.BrokenResourceError):  # the client trusts nobody here
            async with client, await trio.open_unix_socket(server.socket_path) as redis:
                await client.do_handshake()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(forward, client, redis, nursery.cancel_scope)
                    nursery.start_soon(forward, redis, client, nursery.cancel_scope)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_ssl_over_tcp_listeners(
            0, context, host="127.0.0.1", https_compatible=True
        )
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield listeners[0].transport_listener.socket.getsockname()[1], certificate
        nursery.cancel_scope.cancel()


async def test_tls_with_a_certificate_that_is_checked(redis_server: RedisServer, tmp_path: Path) -> None:
    async with tls_before(redis_server, tmp_path) as (port, certificate):
        base = f"rediss://127.0.0.1:{port}/0"
        assert await answer(f"{base}?ssl_ca_certs={certificate}", "PING") == b"PONG"
        assert await answer(f"{base}?ssl_cert_reqs=none", "PING") == b"PONG"
        with pytest.raises(StoreUnavailable):
            await answer(base, "PING")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://localhost", "must be redis://"),
        ("localhost:6379", "must be redis://"),
        ("redis://localhost:port/0", "no URL"),
        ("redis://localhost/main", "database must be a number"),
        ("redis://localhost/-1", "database must be a number"),
        ("unix://", "lacks the socket's path"),
        ("redis://localhost?socket_timeout=5", "'socket_timeout'"),
        ("redis://localhost?ssl_cert_reqs=none", "'ssl_cert_reqs'"),
        ("rediss://localhost?ssl_cert_reqs=maybe", "ssl_cert_reqs must be one of"),
    ],
)
def test_a_bad_url_is_one_line_that_says_what_is_wrong(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisLocation.parse(url)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["redis://u:planted@[bad/0", "redis://u:planted@h:x/0", "redis://u:planted@h/x", "ftp://u:planted@h"],
)
def test_an_error_never_shows_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisLocation.parse(url)
    assert "planted" not in str(caught.value)


def test_neither_repr_nor_redacted_shows_the_password() -> None:
    location = RedisLocation.parse("rediss://user:planted@redis.example:7000/4")
    assert location.redacted() == "rediss://redis.example:7000/4"
    assert "planted" not in repr(location)
    assert RedisLocation.parse("unix:///run/redis.sock?db=1").redacted() == "unix:///run/redis.sock?db=1"


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2120))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = directory / "certificate.pem", directory / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path
