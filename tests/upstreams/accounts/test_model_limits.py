"""Accounts that limit one model: other models stay, and an account that limits all of them is asked twice at most."""

import pytest
from redis_server import RedisServer
from upstreams.accounts.pools import GOOD, TWO, account, call, fault, running_pool

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.state import AccountState, Status
from mix2api.clock import SystemClock
from mix2api.upstreams.port import Failed, Opened, Text, UpstreamFault
from mix2api.upstreams.scripted import Raise, Script
from mix2api.vocabulary import Detail

LIMITED: Script = [Raise(fault(Detail.STATUS, 429))]
HALF_OPEN = "|m 0 limited 1 0 - 0 1 1 limited|"


async def test_a_limit_of_one_model_is_hidden_and_leaves_the_account_to_the_others(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, [account("a"), account("b", priority=1)]) as pool:
        pool.sites.scripts["a m"] = LIMITED
        assert [await pool.served(f"k{number}") for number in range(4)] == ["b"] * 4
        assert pool.sites.asked == ["a", "b", "b", "b", "b"], "one call met the limit"
        assert [await pool.served(f"n{number}", "other") for number in range(4)] == ["a"] * 4
        states, limits = await pool.shared.states(["a"]), await pool.shared.limits(["a"])
        assert states["a"] == AccountState()
        assert [(one.model, one.is_own) for one in limits["a"]] == [("m", True)], "proven by the successes"


async def test_an_account_that_limits_all_models_is_asked_for_two_of_them(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a"), account("b", priority=1)]) as pool:
        pool.sites.scripts["a"] = LIMITED
        for number in range(12):
            assert await pool.served(f"k{number}", f"model-{number}") == "b"
        assert pool.sites.asked.count("a") == 2
        assert (await pool.shared.states(["a"]))["a"].status is Status.LIMITED
        assert await pool.shared.limits(["a"]) == {"a": ()}


async def test_a_hint_of_a_plan_limits_the_account_at_once(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO) as pool:
        limited = fault(Detail.STATUS, 429)
        limited.reset = ResetHint(SystemClock().now_ms() + 60_000, is_quota=True, is_of_account=True)
        pool.sites.scripts["a"] = [Raise(limited)]
        assert {await pool.served(f"k{number}") for number in range(2)} == {"b"}
        state = (await pool.shared.states(["a"]))["a"]
        assert (state.status, state.reason) == (Status.LIMITED, "quota")


async def test_a_limit_that_a_half_open_account_meets_is_the_account_s(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        pool.sites.scripts["a"] = LIMITED
        redis_server.command("HSET", "mix2api:{accounts:openai}:states", "a", "limited 1 0 - 0 1 1 limited")
        with pytest.raises(UpstreamFault):
            await pool.put(call())
        assert (await pool.shared.states(["a"]))["a"].failures == 2
        assert await pool.shared.limits(["a"]) == {"a": ()}


async def test_a_model_comes_back_by_one_call_that_succeeds(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        redis_server.command("HSET", "mix2api:{accounts:openai}:limits", "a", HALF_OPEN)
        pool.sites.scripts["a"] = LIMITED
        with pytest.raises(UpstreamFault):
            await pool.put(call())
        (again,) = (await pool.shared.limits(["a"]))["a"]
        assert again.state.failures == 2
        redis_server.command("HSET", "mix2api:{accounts:openai}:limits", "a", HALF_OPEN)
        pool.sites.scripts["a"] = GOOD
        assert await pool.served() == "a"
        assert await pool.shared.limits(["a"]) == {"a": ()}


async def test_a_limit_in_an_answer_s_middle_is_the_model_s_that_it_names(redis_server: RedisServer) -> None:
    only = [account("a", model_names={"m": "gpt-5-2026"})]
    async with running_pool(redis_server, only) as pool:
        failed = Failed("Rate limit reached for gpt-5-2026 on tokens per min", Detail.RATE_LIMIT)
        pool.sites.scripts["a"] = [[Opened(200)], [Text("half")], [failed]]
        await pool.put(call())
        assert [(one.model, one.is_own) for one in (await pool.shared.limits(["a"]))["a"]] == [("m", True)]


async def test_an_exhausted_pool_tells_the_limits_of_the_model(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO, is_named=True, tries=1) as pool:
        pool.sites.scripts = {"a m": LIMITED, "b m": LIMITED}
        for _ in TWO:
            with pytest.raises(UpstreamFault):
                await pool.put(call())
        await pool.shared.drain("b")
        with pytest.raises(UpstreamFault, match="rate_limit") as caught:
            await pool.put(call())
        assert "a: limited for this model for 60 s, b: limited for this model for " in caught.value.message
        assert caught.value.retry_after_s == 60
        assert len(pool.sites.calls) == 2


async def test_the_later_of_two_limits_is_told(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")], is_named=True) as pool:
        now_ms = SystemClock().now_ms()
        limit = f"|m 1 limited {now_ms + 30_000} 0 - 0 1 1 x|"
        redis_server.command("HSET", "mix2api:{accounts:openai}:limits", "a", limit)
        for state_ms, told in ((10_000, "limited for this model for 30 s"), (90_000, "limited for 90 s")):
            state = f"limited {now_ms + state_ms} 0 - 0 1 1 x"
            redis_server.command("HSET", "mix2api:{accounts:openai}:states", "a", state)
            with pytest.raises(UpstreamFault) as caught:
                await pool.put(call())
            assert f"a: {told}" in caught.value.message
