"""Calls over a pool: bound, spread, and tried again before any output."""

from collections import Counter
from pathlib import Path

import pytest
import trio
import trio.testing
from redis_server import RedisServer
from upstreams.accounts.pools import TWO, account, call, fault, running_pool

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.state import Status
from mix2api.clock import SystemClock
from mix2api.settings.choices import BindingScope
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Opened,
    Text,
    UpstreamFault,
)
from mix2api.upstreams.scripted import Raise, Refuse, Script, Wait
from mix2api.vocabulary import Detail, EndReason


async def test_a_call_goes_out_with_base_url_and_credential_of_its_account(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO) as pool:
        name = await pool.served()
        (put,) = pool.sites.calls
        assert put.base_url == f"https://{name}.example/v1"
        assert put.authorization == f"Bearer sk-{name}"


async def test_keys_spread_and_their_second_round_hits_the_bound_ones(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a"), account("b"), account("c", weight=2)]) as pool:
        first = {f"k{number}": await pool.served(f"k{number}") for number in range(8)}
        assert Counter(first.values()) == {"a": 2, "b": 2, "c": 4}
        assert {key: await pool.served(key) for key in first} == first


@pytest.mark.parametrize(
    "script",
    [
        [Refuse(fault(Detail.CONNECT_FAILED, None))],
        [Raise(fault())],
        [Raise(fault(Detail.STATUS, 429))],
        [Raise(fault(Detail.QUOTA, 200))],
        [Raise(fault(Detail.STATUS, 408))],
        [Raise(fault(Detail.STATUS, 401))],
        [Raise(UpstreamFault(EndReason.TIMEOUT, Detail.FIRST_BYTE, "late"))],
        [[Opened(200)], [Failed("token expired")]],
        [[Opened(200)], [Failed("overloaded", Detail.RATE_LIMIT)]],
        [[Opened(200)], [AbortedByUpstream()]],
        [[Opened(200)]],
    ],
)
async def test_a_failure_before_any_output_is_hidden_by_another_account(
    redis_server: RedisServer, script: Script
) -> None:
    async with running_pool(redis_server, TWO) as pool:
        pool.sites.scripts["a"] = script
        assert {await pool.served(f"k{number}") for number in range(4)} == {"b"}
        assert "a" in pool.sites.asked


async def test_success_on_another_account_moves_the_binding(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO) as pool:
        before = await pool.served()
        pool.sites.scripts[before] = [Raise(fault())]
        moved = await pool.served()
        assert moved != before
        pool.sites.scripts.clear()
        assert await pool.served() == moved, "no jump back"


@pytest.mark.parametrize(
    "script",
    [
        [Raise(fault(Detail.STATUS, 400))],
        [Raise(fault(Detail.CONTEXT_LENGTH, 400))],
        [Raise(UpstreamFault(EndReason.OVERLOADED, Detail.DESCRIPTORS, ""))],
    ],
)
async def test_a_bad_request_hurts_no_account_and_is_not_put_again(
    redis_server: RedisServer, script: Script
) -> None:
    async with running_pool(redis_server, TWO) as pool:
        pool.sites.scripts = {"a": script, "b": script}
        for _ in range(20):
            with pytest.raises(UpstreamFault):
                await pool.put(call())
        assert len(pool.sites.calls) == 20
        states = await pool.shared.states(["a", "b"])
        assert {state.status for state in states.values()} == {Status.VALID}


async def test_the_last_account_s_own_fault_is_told_once_the_tries_are_used(
    redis_server: RedisServer,
) -> None:
    three = [account("a"), account("b"), account("c")]
    async with running_pool(redis_server, three, tries=2) as pool:
        pool.sites.scripts = {name: [Raise(fault())] for name in "abc"}
        with pytest.raises(UpstreamFault) as caught:
            await pool.put(call())
        assert caught.value.status == 503
        assert len(pool.sites.calls) == 2


async def test_a_failure_after_output_is_told_and_learned_from(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        pool.sites.scripts["a"] = [[Opened(200)], [Text("half")], Raise(fault(Detail.TRUNCATED, 200))]
        for _ in range(5):
            with pytest.raises(UpstreamFault):
                await pool.put(call())
        assert (await pool.shared.states(["a"]))["a"].status is Status.ERROR


@pytest.mark.parametrize(
    "batches",
    [
        [[Text("half")], [Failed("slow down", Detail.RATE_LIMIT)]],
        [[Text("half"), Failed("slow down", Detail.RATE_LIMIT)]],
    ],
)
async def test_an_error_frame_after_output_limits_the_model(
    redis_server: RedisServer, batches: Script
) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        pool.sites.scripts["a"] = [[Opened(200)], *batches]
        await pool.put(call())
        assert [one.model for one in (await pool.shared.limits(["a"]))["a"]] == ["m"]


async def test_a_hint_of_a_refusal_is_kept_and_evidence_goes_before_it(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        limited = fault(Detail.STATUS, 429)
        announced_ms = SystemClock().now_ms() + 18 * 86_400_000
        limited.reset = ResetHint(announced_ms, is_quota=True, is_of_account=True)
        pool.sites.scripts["a"] = [Raise(limited)]
        with pytest.raises(UpstreamFault):
            await pool.put(call())
        state = (await pool.shared.states(["a"]))["a"]
        assert (state.status, state.reason) == (Status.LIMITED, "quota")
        text = f"limited 1 0 - {state.until_ms} 1 1 quota"
        redis_server.command("HSET", "mix2api:{accounts:openai}:states", "a", text)
        pool.sites.scripts.clear()
        assert await pool.served() == "a"
        assert (await pool.shared.states(["a"]))["a"].status is Status.VALID


async def test_without_a_binding_the_calls_of_one_key_spread_by_weight(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO, scope=BindingScope.NONE) as pool:
        assert sorted([await pool.served() for _ in range(4)]) == ["a", "a", "b", "b"]
        assert [one async for one in pool.shared.bindings()] == []


async def test_a_model_has_the_name_that_its_account_has_for_it(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a", model_names={"m": "m-2026"})]) as pool:
        await pool.put(call())
        assert [one.turn.model for one in pool.sites.calls] == ["m-2026"]


async def test_a_renewed_credential_is_tried_before_the_account_is_invalid(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sk-old\n")
    only = [account("a", credential=f"file:{secret}")]
    async with running_pool(redis_server, only) as pool:
        pool.sites.scripts["a"] = [Raise(fault(Detail.STATUS, 401))]
        secret.write_text("sk-new\n")
        with pytest.raises(UpstreamFault):
            await pool.put(call())
        assert [put.authorization for put in pool.sites.calls] == ["Bearer sk-old", "Bearer sk-new"]
        assert (await pool.shared.states(["a"]))["a"].status is Status.INVALID


async def test_a_credential_that_is_revoked_in_an_answer_s_middle_is_read_again_for_the_next_call(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sk-old\n")
    async with running_pool(redis_server, [account("a", credential=f"file:{secret}")]) as pool:
        revoked: Script = [[Opened(200)], [Text("half")], [Failed("token expired")]]
        pool.sites.scripts["Bearer sk-old"] = pool.sites.scripts["Bearer sk-new"] = revoked
        secret.write_text("sk-new\n")
        await pool.put(call())
        assert (await pool.shared.states(["a"]))["a"].status is Status.VALID
        await pool.put(call())
        assert [put.authorization for put in pool.sites.calls] == ["Bearer sk-old", "Bearer sk-new"]
        assert (await pool.shared.states(["a"]))["a"].status is Status.INVALID


async def test_calls_that_are_refused_side_by_side_all_take_the_renewed_credential(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sk-old\n")
    refused = trio.Event()
    async with running_pool(redis_server, [account("a", credential=f"file:{secret}")]) as pool:
        pool.sites.scripts["Bearer sk-old"] = [Wait(refused), Raise(fault(Detail.STATUS, 401))]
        secret.write_text("sk-new\n")
        async with trio.open_nursery() as nursery:
            for key in ("k1", "k2", "k3"):
                nursery.start_soon(pool.served, key)
            while len(pool.sites.calls) < 3:
                await trio.lowlevel.checkpoint()
            refused.set()
        assert [put.authorization for put in pool.sites.calls[3:]] == ["Bearer sk-new"] * 3
        assert (await pool.shared.states(["a"]))["a"].status is Status.VALID


async def test_without_the_store_calls_are_spread_by_weight(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    async with running_pool(server, TWO) as pool:
        server.stop()
        assert {await pool.served(f"k{number}") for number in range(4)} == {"a", "b"}
        pool.sites.scripts = {name: [Raise(fault())] for name in "ab"}
        with pytest.raises(UpstreamFault) as caught:
            await pool.put(call())
        assert caught.value.status == 503


async def test_the_caller_s_own_abort_leaves_the_binding(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO) as pool:
        bound = await pool.served()
        for _ in range(10):
            with trio.CancelScope() as scope:
                async with pool.upstream.open(call()) as stream:
                    await anext(stream)
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
        assert await pool.served() == bound
        assert (await pool.shared.states([bound]))[bound].status is Status.VALID
