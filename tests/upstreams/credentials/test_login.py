"""One login over a real socket: what is asked, what is answered, and how it fails without a word of the answer."""

import pytest
import trio
from upstreams.credentials.parts import START_MS, TurnedClock
from upstreams.loopback import Connection, Serve, head, serving

from mix2api.upstreams.credentials.grant import Grant
from mix2api.upstreams.credentials.login import HttpLogin, LoginFailed, LoginOptions, LoginWord
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import KeepAlive, Timeouts


def answering(body: bytes, status: str = "200 OK", asked: list[bytes] | None = None) -> Serve:
    async def serve(connection: Connection) -> None:
        request = await connection.request()
        if asked is not None:
            asked.append(request)
        await connection.send(head(f"content-length: {len(body)}", status=status) + body)

    return serve


async def fetched(serve: Serve, path: str = "/v2/token", **options: object) -> Grant:
    limits = Timeouts(connect=0.5, first_byte=0.5, idle=0.5, total=0.5)
    client = HttpClient(HttpOptions(timeouts=limits, keep_alive=KeepAlive(enabled=False)))
    try:
        async with serving([serve]) as server:
            login = HttpLogin(LoginOptions(url=server.url + path, **options), client, TurnedClock())  # type: ignore[arg-type]
            return await login.fetch()
    finally:
        client.close()


async def failure(serve: Serve) -> LoginFailed:
    try:
        await fetched(serve)
    except LoginFailed as failed:
        return failed
    except BaseExceptionGroup as group:
        found = group.subgroup(LoginFailed)
        assert found is not None
        (failed,) = found.exceptions
        assert isinstance(failed, LoginFailed)
        return failed
    raise AssertionError("there is a token")


async def test_the_endpoint_is_asked_as_configured() -> None:
    asked: list[bytes] = []
    grant = await fetched(
        answering(b'{"access_token": "t", "expires_in": 60}', asked=asked),
        "/auth/token?tenant=1",
        method="PUT",
        headers=(("x-client", "mix2api"), ("accept", "*/*")),
        body=b'{"user": "u"}',
    )
    assert grant == Grant("t", START_MS + 60_000)
    first, *fields = asked[0].partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert first == b"PUT /auth/token?tenant=1 HTTP/1.1"
    assert {b"x-client: mix2api", b"accept: */*", b"content-type: application/json"} <= set(fields)
    assert asked[0].endswith(b'\r\n\r\n{"user": "u"}')


async def test_without_a_body_none_is_sent() -> None:
    asked: list[bytes] = []
    await fetched(answering(b'{"token": "t"}', asked=asked), "", method="GET")
    assert asked[0].startswith(b"GET / HTTP/1.1\r\n")
    assert b"content-type" not in asked[0]
    assert asked[0].endswith(b"\r\n\r\n")


async def _hang(connection: Connection) -> None:
    await connection.request()
    await connection.wait_hung_up()


async def _cut(connection: Connection) -> None:
    await connection.request()
    await connection.send(head("content-length: 100") + b'{"planted')


def _endless(begin: bytes, piece: bytes) -> Serve:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(begin)
        while True:
            await connection.send(piece)

    return serve


@pytest.mark.parametrize(
    ("serve", "why", "status"),
    [
        (answering(b'{"error": "planted"}', "401 Unauthorized"), LoginWord.STATUS, 401),
        (answering(b'{"token": "planted"}', "500 Oh"), LoginWord.STATUS, 500),
        (answering(b"", "302 Found"), LoginWord.STATUS, 302),
        (answering(b"planted"), LoginWord.ANSWER, None),
        (answering(b'{"planted": 1}'), LoginWord.ANSWER, None),
        (answering(b'{"token": "' + b"x" * 300_000), LoginWord.ANSWER, None),
        (_endless(head(), b"planted" * 1000), LoginWord.ANSWER, None),
        (_endless(b"HTTP/1.1 200 OK\r\na: ", b"planted" * 1000), LoginWord.ANSWER, None),
        (_endless(b"", b"HTTP/1.1 102 planted\r\n\r\n"), LoginWord.ANSWER, None),
        (_endless(head("transfer-encoding: chunked"), b"5;planted"), LoginWord.ANSWER, None),
        (_hang, LoginWord.TIMEOUT, None),
        (_cut, LoginWord.UNREACHABLE, None),
    ],
)
async def test_a_login_fails_by_a_word_and_no_word_of_the_site_s(
    serve: Serve, why: LoginWord, status: int | None
) -> None:
    failed = await failure(serve)
    assert (failed.why, failed.status) == (why, status)
    assert "planted" not in repr(failed)
    assert failed.__cause__ is None


async def test_an_endpoint_that_is_not_there_is_unreachable() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    client = HttpClient(HttpOptions())
    login = HttpLogin(LoginOptions(url=f"http://127.0.0.1:{port}"), client, TurnedClock())
    with pytest.raises(LoginFailed) as caught:
        await login.fetch()
    assert caught.value.why is LoginWord.UNREACHABLE


def test_secrets_are_in_no_repr() -> None:
    options = LoginOptions(url="http://x", headers=(("x-key", "planted"),), body=b"planted")
    assert "planted" not in repr(options)
