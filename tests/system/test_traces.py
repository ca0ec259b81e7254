"""Sampled traces of a whole system: chosen runs leave one, `mix2api trace` shows them, and by default there are none."""

import io
from typing import Any

import msgspec
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.cli.trace import TraceQuery, trace

_PROMPT = "a planted prompt [[error_before:no]]"


async def told(system: WholeSystem, **query: Any) -> tuple[int, list[str]]:
    out = io.StringIO()
    code = await trace(system.store, TraceQuery(**query), out)
    return code, out.getvalue().splitlines()


async def test_runs_that_failed_leave_a_trace_without_content(redis_server: RedisServer) -> None:
    switches = {"TRACE_SAMPLING_ENABLED": "true", "TRACE_SAMPLING_RATE": "0"}
    async with whole_system(Shape.APART, redis_server.url, **switches) as system:
        await system.client.ask("hello", headers={"x-request-id": "good"})
        await system.client.ask(_PROMPT, headers={"x-request-id": "bad"})

        async def is_there() -> bool:
            return (await told(system, word="bad"))[0] == 0

        await until(is_there)
        assert await told(system, word="good") == (3, [])
        _, lines = await told(system, word="bad", as_json=True)
        (document,) = map(msgspec.json.decode, lines)
        assert (document["request_id"], document["end_reason"]) == ("bad", "upstream_error")
        assert "planted" not in lines[0]
        assert await told(system, word=document["run_id"], as_json=True) == (0, lines)
        assert "end_reason: upstream_error" in (await told(system, word="bad"))[1]
        assert await told(system, as_json=True) == (0, lines)
        assert len((await told(system))[1]) == 2


async def test_by_default_no_run_leaves_a_trace(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        await system.client.ask(_PROMPT, headers={"x-request-id": "bad"})
        await system.check_log(runs=1)
        assert redis_server.command("KEYS", "*:trace*") == []


async def test_with_content_a_trace_holds_what_was_said_redacted_and_sealed(
    redis_server: RedisServer,
) -> None:
    switches = {"TRACE_SAMPLING_ENABLED": "true", "TRACE_SAMPLING_RATE": "1", "MIX2API_TRACE_MODE": "content"}
    async with whole_system(Shape.SERVE, redis_server.url, **switches) as system:
        prompt = "a planted prompt, token=planted-secret [[say:a planted answer]]"
        await system.client.ask(prompt, headers={"x-request-id": "one"}, stream=True)

        async def is_there() -> bool:
            return (await told(system, word="one"))[0] == 0

        await until(is_there)
        _, lines = await told(system, word="one")
        assert "a planted answer" in lines
        assert [line for line in lines if line.startswith("a planted prompt, token=[redacted]")]
        assert "planted-secret" not in "".join(lines)
        (document,) = map(msgspec.json.decode, (await told(system, word="one", as_json=True))[1])
        assert [said["role"] for said in document["content"]["asked"]] == ["user"]
        assert "planted" not in "".join((await told(system, as_json=True))[1])
        names = redis_server.command("KEYS", "*:trace*")
        assert isinstance(names, list)
        (sealed,) = [redis_server.command("GET", name) for name in names if not name.endswith(b":traces")]
        assert isinstance(sealed, bytes)
        assert b"planted" not in sealed


async def test_by_default_a_trace_holds_no_content(redis_server: RedisServer) -> None:
    switches = {"TRACE_SAMPLING_ENABLED": "true", "TRACE_SAMPLING_RATE": "1"}
    async with whole_system(Shape.SERVE, redis_server.url, **switches) as system:
        await system.client.ask("a planted prompt", headers={"x-request-id": "one"})

        async def is_there() -> bool:
            return (await told(system, word="one"))[0] == 0

        await until(is_there)
        (document,) = map(msgspec.json.decode, (await told(system, word="one", as_json=True))[1])
        assert "content" not in document
