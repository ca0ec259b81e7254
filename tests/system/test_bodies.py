"""Bodies that no client should send: a 4xx with the envelope, and the log does not learn of them."""

from typing import Any

import msgspec
import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import ASK, Answer

_HELLO = {"role": "user", "content": "hello"}


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({**ASK, "messages": [_HELLO], **fields})


BODIES: dict[str, tuple[bytes, int, str | None]] = {
    "empty": (b"", 400, None),
    "null": (b"null", 400, None),
    "a list": (b"[]", 400, None),
    "a number": (b"7", 400, None),
    "cut off": (body()[:-5], 400, None),
    "invalid UTF-8": (body().replace(b"hello", b"\xff\xfe"), 400, None),
    "nested 100,000 deep": (
        b'{"model": "m", "messages": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        400,
        "messages[0]",
    ),
    "unknown field nested 100,000 deep": (
        body()[:-1] + b', "extra": ' + b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"}",
        400,
        None,
    ),
    "no model": (msgspec.json.encode({"messages": [_HELLO]}), 400, "model"),
    "an empty model": (body(model=""), 400, "model"),
    "a model that is a number": (body(model=5), 400, "model"),
    "no messages": (msgspec.json.encode(ASK), 400, "messages"),
    "empty messages": (body(messages=[]), 400, "messages"),
    "messages that are a text": (body(messages="hello"), 400, "messages"),
    "a message that is a text": (body(messages=["hello"]), 400, "messages[0]"),
    "a role that is none": (body(messages=[{"role": "king", "content": "x"}]), 400, "messages[0].role"),
    "a role that is a number": (body(messages=[{"role": 1, "content": "x"}]), 400, "messages[0].role"),
    "content that is a number": (
        body(messages=[_HELLO, {"role": "user", "content": 5}]),
        400,
        "messages[1].content",
    ),
    "stream that is a text": (body(stream="yes"), 400, "stream"),
    "temperature that is a text": (body(temperature="hot"), 400, "temperature"),
    "max_tokens that is negative": (body(max_tokens=-1), 400, "max_tokens"),
    "n of two": (body(n=2), 400, "n"),
    "tools that are an object": (body(tools={}), 400, "tools"),
    "forty megabytes": (body(messages=[{"role": "user", "content": "x" * 40_000_000}]), 413, None),
}


@pytest.mark.parametrize("shape", Shape)
async def test_no_wrong_body_gets_any_further_than_the_edge(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        await system.client.ask("hello")
        await system.check_log(runs=1)
        before = kept(redis_server)
        seen = {name: told(await put(system, content)) for name, (content, _, _) in BODIES.items()}
        assert seen == {name: (status, param) for name, (_, status, param) in BODIES.items()}
        assert kept(redis_server) == before
        assert system.demo.stats.requests == 1
        lines = system.log_lines()[1:]
        assert {line["end_reason"] for line in lines} == {"invalid_request"}
        assert len(lines) == len(BODIES)
        assert (await system.client.ask("hello")).status == 200


async def put(system: WholeSystem, content: bytes) -> Answer:
    async with system.client.request("POST", "/v1/chat/completions", content) as asked:
        return await asked.answer()


def told(answer: Answer) -> tuple[int, str | None]:
    error = answer.error()
    assert set(error) == {"message", "type", "code", "param"}
    assert error["type"] == "invalid_request_error"
    assert answer.headers["x-request-id"].startswith("req_")
    return answer.status, error["param"]


def kept(server: RedisServer) -> set[bytes]:
    """The keys that requests leave behind."""
    keys: list[bytes] = server.command("KEYS", "*")  # type: ignore[assignment]
    return {key for key in keys if any(word in key for word in (b":log:", b":run:", b":open", b":inbox"))}


async def test_every_route_and_method_answers_in_the_envelope(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        for method, path, status in [
            ("GET", "/v1/chat/completions", 405),
            ("DELETE", "/v1/models", 405),
            ("GET", "/nowhere", 404),
            ("POST", "/v1/embeddings", 404),
        ]:
            async with system.client.request(method, path) as asked:
                answer = await asked.answer()
            assert (answer.status, set(answer.error())) == (status, {"message", "type", "code", "param"})
        assert (await system.client.get("/health")).json()["status"] == "ok"
        assert (await system.client.get("/health/ready")).status == 200
        async with system.client.request("POST", "/", body()) as asked:
            assert (await asked.answer()).finish_reason() == "stop"
