"""Damage in Redis as a client sees it: the next turn is answered on a fresh session, and the log says why."""

from typing import Any

import pytest
from redis_server import RedisServer
from whole_system import Shape, whole_system

USER = {"role": "user", "content": "hello"}


def spoil(redis: RedisServer, pattern: str) -> None:
    """Puts a key of another type in the place of the one that is there."""
    found = redis.command("KEYS", pattern)
    assert isinstance(found, list)
    (key,) = found
    redis.command("DEL", key)
    redis.command("HSET", key, "damage", "1")


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize(
    ("pattern", "fields"),
    [("mix2api:lineage:*", {}), ("mix2api:name:*", {"session_id": "mine"})],
)
async def test_damage_is_answered_on_a_fresh_session_counted_and_logged(
    redis_server: RedisServer, shape: Shape, pattern: str, fields: dict[str, Any]
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask("", messages=[USER], **fields)
        spoil(redis_server, pattern)
        echoed = {"role": "assistant", "content": first.text()}
        history = [USER] if fields else [USER, echoed, USER]
        second = await system.client.ask("", messages=history, **fields)
        assert second.status == 200
        assert second.headers["x-mix2api-session"] == "fresh; reason=schema_fallback"
        assert second.headers["x-session-id"] != first.headers["x-session-id"]
        (line,) = system.log_lines("schema_fallback")
        assert line["count"] == 1
        run = await system.ended_run_of(second.headers["x-request-id"])
        assert run.end.end_reason == "stop"
