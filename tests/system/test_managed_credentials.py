"""Managed credentials in a whole system: renewed before the client sees a byte, shared sealed, told nowhere."""

from typing import Any

import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import WireClient

from mix2api.demo import DemoOptions
from mix2api.vocabulary import Detail, EndReason

pytestmark = pytest.mark.parametrize("shape", Shape)
MANAGED = {
    "UPSTREAM_AUTH_MODE": "managed",
    "UPSTREAM_TOKEN_HEADERS_JSON": '{"x-client-secret": "planted-header"}',
    "UPSTREAM_TOKEN_BODY_JSON": '{"password": "planted-password"}',
}
STRICT = DemoOptions(require_token=True)
_ID = {"x-request-id": "asked"}


async def expire_tokens(system: WholeSystem) -> None:
    site = WireClient(int(system.demo.url.rpartition(":")[2]))
    async with site.request("POST", "/demo/expire") as expiring:
        assert (await expiring.answer()).status == 200


def history(*pairs: tuple[str, str], last: str) -> list[dict[str, Any]]:
    told = [{"role": role, "content": text} for role, text in pairs]
    return [*told, {"role": "user", "content": last}]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_expired_token_is_renewed_and_the_session_goes_on(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=STRICT, **MANAGED) as system:
        first = await system.client.ask("one", stream=stream)
        await expire_tokens(system)
        messages = history(("user", "one"), ("assistant", first.text()), last="two")
        second = await system.client.ask("", messages=messages, stream=stream)
        assert (first.status, second.status) == (200, 200)
        assert second.headers["x-mix2api-session"] == "continued; reason=lineage"
        assert system.demo.stats.logins == 2
        (site_session,) = system.demo.sessions.values()
        said = [message["content"] for message in site_session.messages if message["role"] == "user"]
        assert said == ["one", "two"], "the refused turn is not there twice"
        await system.check_log(runs=2)


async def test_an_error_frame_that_speaks_of_the_token_is_recovered_from_too(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=STRICT, **MANAGED) as system:
        answer = await system.client.ask("one [[error_before:token expired]] [[once:a]]", stream=True)
        assert (answer.status, answer.finish_reason()) == (200, "stop")
        assert system.demo.stats.logins == 2
        await system.check_log(runs=1)


async def test_a_continued_session_that_may_have_taken_the_turn_is_left_for_a_fresh_one(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=STRICT, **MANAGED) as system:
        first = await system.client.ask("one", stream=True)
        asked = "two [[error_before:token expired]] [[once:a]]"
        messages = history(("user", "one"), ("assistant", first.text()), last=asked)
        second = await system.client.ask("", messages=messages, stream=True)
        assert (second.status, second.finish_reason()) == (200, "stop")
        assert second.headers["x-mix2api-session"] == "fresh; reason=upstream_lost"
        assert len(system.demo.sessions) == 2


async def test_a_site_that_refuses_every_token_is_an_auth_error(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, **MANAGED) as system:
        answer = await system.client.ask("one [[status:403]]", headers=_ID, stream=True)
        assert (answer.status, answer.error()["code"]) == (502, "upstream_auth_error")
        end = (await system.ended_run_of("asked")).end
        assert (end.end_reason, end.detail) == (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS)
        assert (end.upstream_status, system.demo.stats.logins) == (403, 2)


async def test_a_failed_login_is_502_for_everybody_and_says_when_to_come_back(
    shape: Shape, redis_server: RedisServer
) -> None:
    more = {**MANAGED, "UPSTREAM_TOKEN_PATH": "/nowhere"}
    async with whole_system(shape, redis_server.url, **more) as system:
        for number in range(3):
            answer = await system.client.ask("one", headers={"x-request-id": f"asked{number}"})
            assert (answer.status, answer.error()["code"]) == (502, "upstream_auth_error")
            assert "retry-after" in answer.headers
            end = (await system.ended_run_of(f"asked{number}")).end
            assert (end.end_reason, end.detail) == (EndReason.UPSTREAM_AUTH_ERROR, Detail.LOGIN)
        assert system.demo.stats.requests == 0
        failed = system.log_lines("login.failed")
        assert (failed[0]["why"], failed[0]["status"]) == ("status", 404)
        await system.check_log(runs=3)


async def test_tokens_and_logins_rest_nowhere_in_clear(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, demo=STRICT, **MANAGED) as system:
        assert (await system.client.ask("one", stream=True)).status == 200
        token = system.demo.received[-1].headers["authorization"].removeprefix("Bearer ")
        resting = _everything_in(redis_server)
        assert b"credential:" in resting, "the vault was looked at"
        for secret in (token, "planted-header", "planted-password"):
            assert secret.encode() not in resting
            assert secret not in system.logged.getvalue()


def _everything_in(redis_server: RedisServer) -> bytes:
    """Names and serialised values of all keys."""
    keys = redis_server.command("KEYS", "*")
    assert isinstance(keys, list)
    return b"\n".join(key + b" " + (redis_server.command("DUMP", key) or b"") for key in keys)  # type: ignore[operator]
