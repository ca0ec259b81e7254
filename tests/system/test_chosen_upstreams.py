"""Requests that choose their upstream, in a whole system: where they go, what the log says, how they are refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.demo import Demo, DemoOptions, serve_demo

pytestmark = pytest.mark.parametrize("shape", Shape)
HEADER = "x-upstream-base-url"
LOCAL = {
    "UPSTREAM_DYNAMIC_BASE_ENABLED": "true",
    "UPSTREAM_BASE_ALLOW_HTTP": "true",
    "UPSTREAM_BASE_ALLOW_PRIVATE": "true",
}


@asynccontextmanager
async def second_site() -> AsyncIterator[Demo]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(serve_demo, DemoOptions())
        nursery.cancel_scope.cancel()


async def refusal(system: WholeSystem, base: str) -> str:
    answer = await system.client.ask("hello", headers={HEADER: base})
    assert (answer.status, answer.error()["param"]) == (400, HEADER)
    assert answer.error()["code"] == "upstream_base_refused"
    message: str = answer.error()["message"]
    return message


async def test_a_request_goes_where_it_says_and_the_log_tells(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with second_site() as other, whole_system(shape, redis_server.url, **LOCAL) as system:
        here = await system.client.ask("hello")
        there = await system.client.ask("hello", headers={HEADER: other.url + "/"})
        also = await system.client.ask("hello", upstream_api_base=other.url)
        assert [answer.status for answer in (here, there, also)] == [200, 200, 200]
        assert (system.demo.stats.requests, other.stats.requests) == (1, 2)
        await system.check_log(runs=3)
        lines = {line["upstream_host"]: line["upstream_override"] for line in system.log_lines()}
        assert lines == {None: "default", "127.0.0.1": "dynamic"}


async def test_a_conversation_stays_with_its_upstream(shape: Shape, redis_server: RedisServer) -> None:
    async with second_site() as other, whole_system(shape, redis_server.url, **LOCAL) as system:
        chosen = {HEADER: other.url}
        first = await system.client.ask("one", headers=chosen)
        told = [("user", "one"), ("assistant", first.text()), ("user", "two")]
        messages = [{"role": role, "content": text} for role, text in told]
        elsewhere = await system.client.ask("", messages=messages)
        back = await system.client.ask("", messages=messages, headers=chosen)
        assert elsewhere.headers["x-mix2api-session"] == "fresh; reason=no_match"
        assert back.headers["x-mix2api-session"] == "continued; reason=lineage"
        named = await system.client.ask("three", headers={"x-session-id": first.headers["x-session-id"]})
        assert named.headers["x-mix2api-session"] == "fresh; reason=foreign"
        assert len(other.sessions) == 1


async def test_as_it_ships_nothing_may_be_chosen(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        assert "cannot be chosen" in await refusal(system, system.demo.url)
        assert system.demo.stats.requests == 0


async def test_what_is_not_allowed_is_refused_before_anything_happens(
    shape: Shape, redis_server: RedisServer
) -> None:
    enabled = {"UPSTREAM_DYNAMIC_BASE_ENABLED": "true", "UPSTREAM_BASE_ALLOWLIST": "127.0.0.1,localhost"}
    async with whole_system(shape, redis_server.url, **enabled) as system:
        assert "https://" in await refusal(system, system.demo.url)
        assert "no address" in await refusal(system, "https://127.0.0.1")
        assert "no address" in await refusal(system, "https://localhost")
        assert "list" in await refusal(system, "https://8.8.8.8")
        assert (await system.audit())["ended"] == 0


async def test_a_credential_of_the_deployment_goes_only_to_hosts_on_the_list(
    shape: Shape, redis_server: RedisServer
) -> None:
    static = {**LOCAL, "UPSTREAM_AUTH_MODE": "static", "UPSTREAM_BEARER_TOKEN": "planted"}
    async with second_site() as other:
        async with whole_system(shape, redis_server.url, **static) as system:
            assert "list" in await refusal(system, other.url)
        redis_server.command("FLUSHALL")
        allowed = {**static, "UPSTREAM_BASE_ALLOWLIST": other.url.removeprefix("http://")}
        async with whole_system(shape, redis_server.url, **allowed) as system:
            assert (await system.client.ask("hello", headers={HEADER: other.url})).status == 200
            assert "list" in await refusal(system, system.demo.url)


async def test_a_managed_credential_needs_a_token_endpoint_of_its_own(
    shape: Shape, redis_server: RedisServer
) -> None:
    managed = {**LOCAL, "UPSTREAM_AUTH_MODE": "managed", "UPSTREAM_BASE_ALLOWLIST": "*"}
    async with second_site() as other:
        async with whole_system(shape, redis_server.url, **managed) as system:
            assert "token endpoint" in await refusal(system, other.url)
        redis_server.command("FLUSHALL")
        own = {**managed, "UPSTREAM_TOKEN_URL": f"{other.url}/v2/token"}
        async with whole_system(shape, redis_server.url, **own) as system:
            assert (await system.client.ask("hello", headers={HEADER: other.url})).status == 200
            assert (other.stats.logins, system.demo.stats.logins) == (1, 0)
