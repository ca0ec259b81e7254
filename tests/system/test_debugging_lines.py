"""The debugging switches of the earlier adapter: they take effect, and what they tell is redacted."""

import json

from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

_SECRET = "zQ7plantedSecret42"
_HEADERS = {
    "x-request-id": "told",
    "x-session-key": _SECRET,
    "cookie": f"sid={_SECRET}",
    "x-note": f"bearer {_SECRET}",
    "x-plain": "a plain value",
}


async def ask(system: WholeSystem) -> None:
    arguments = json.dumps({"password": _SECRET})
    await system.client.ask(f"say hello, with {arguments}", headers=_HEADERS, stream=True)


def lines(system: WholeSystem, event: str) -> list[dict[str, object]]:
    return [line for line in system.log_lines(event) if line["request_id"] == "told"]


async def test_headers_are_told_without_what_is_secret(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, LOG_HEADERS="true") as system:
        await ask(system)
        (line,) = lines(system, "debug.headers")
        assert lines(system, "debug.body") == []
        logged = system.logged.getvalue()
    headers = line["headers"]
    assert isinstance(headers, dict)
    assert headers["x-plain"] == "a plain value"
    assert headers["authorization"] == headers["cookie"] == headers["x-session-key"] == "[redacted]"
    assert _SECRET not in logged


async def test_bodies_are_told_without_what_is_secret(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, LOG_BODIES="true") as system:
        await ask(system)
        (line,) = lines(system, "debug.body")
        assert lines(system, "debug.headers") == []
        logged = system.logged.getvalue()
    body = line["body"]
    assert isinstance(body, list)
    assert "say hello" in "".join(body)
    assert _SECRET not in logged


async def test_without_the_switches_there_are_no_such_lines(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        await ask(system)
        assert lines(system, "debug.headers") == lines(system, "debug.body") == []
