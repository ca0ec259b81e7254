"""What is known of an account's models in Redis: limits that move calls, are lent to one call, and give way to damage."""

import pytest
import store_parts as parts
from redis_server import RedisServer
from store.pool_accounts import FOUR, TTL_S, asking, chosen, running_accounts

from mix2api.accounts.model_limits import Whose
from mix2api.accounts.port import Asking, Chosen, Exhausted, Offered, Roster, Why
from mix2api.accounts.state import AccountState, Status
from mix2api.clock import SystemClock
from mix2api.vocabulary import Digest


async def test_a_model_s_limit_moves_calls_for_it_and_no_others(redis_server: RedisServer) -> None:
    other = Asking(api_key=Digest("k1"), model="other")
    async with running_accounts(redis_server) as accounts:
        before = (await chosen(accounts, "k1")).account
        await accounts.confirm(asking(), before)
        await accounts.limit(before, "mix/test", Whose.MODEL)
        untouched = await accounts.choose(other, Roster(tuple(FOUR)))
        assert isinstance(untouched, Chosen)
        assert (untouched.account, untouched.why) == (before, Why.BOUND)
        moved = await chosen(accounts, "k1")
        assert (moved.account != before, moved.why) == (True, Why.MODEL_LIMITED)
        fresh = [(await chosen(accounts, f"n{number}")).account for number in range(6)]
        assert before not in fresh
        assert 0 < redis_server.command("PTTL", "mix2api:{accounts:openai}:limits") <= 86_400_000  # type: ignore[operator]
        assert (await accounts.states([before]))[before] == AccountState()


async def test_a_key_whose_model_nobody_can_serve_keeps_its_binding(redis_server: RedisServer) -> None:
    only = Roster((Offered("a", 1, 0),))
    async with running_accounts(redis_server) as accounts:
        await chosen(accounts, "k1", [Offered("a", 1, 0)])
        await accounts.confirm(asking(), "a")
        await accounts.limit("a", "mix/test", Whose.MODEL)
        refused = await accounts.choose(asking(), only)
        assert isinstance(refused, Exhausted)
        assert refused.states == {"a": AccountState()}
        assert refused.limits["a"].status is Status.LIMITED
        assert [one.account async for one in accounts.bindings()] == ["a"]


@pytest.mark.parametrize("is_bound", [True, False])
async def test_a_half_open_model_is_lent_to_one_call(redis_server: RedisServer, *, is_bound: bool) -> None:
    only = [Offered("a", 1, 0)]
    async with running_accounts(redis_server) as accounts:
        if is_bound:
            await chosen(accounts, "k1", only)
        text = "|other 1 limited 1 0 - 0 1 1 x|mix/test 0 limited 1 0 - 0 1 1 burst|"
        redis_server.command("HSET", "mix2api:{accounts:openai}:limits", "a", text)
        lent = await chosen(accounts, "k1", only)
        assert [one.model for one in lent.limits] == ["other", "mix/test"]
        assert isinstance(await accounts.choose(asking("k2"), Roster(tuple(only))), Exhausted)
        left = {one.model: one.state.probe_ms for one in (await accounts.limits(["a"]))["a"]}
        assert left["other"] == 1
        assert left["mix/test"] > 1
        await accounts.lift("a", "mix/test")
        assert [one.model for one in (await chosen(accounts, "k2", only)).limits] == ["other"]


async def test_limits_of_two_models_that_say_nothing_limit_the_account(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        await accounts.limit("a", "one", Whose.UNTOLD)
        await accounts.limit("a", "two", Whose.UNTOLD)
        assert (await accounts.states(["a"]))["a"].status is Status.LIMITED
        assert await accounts.limits(["a", "b"]) == {"a": (), "b": ()}
        told = [
            (one.model, one.before.status.value, one.after.status.value) for one in await accounts.changes()
        ]
        assert told == [("one", "valid", "limited"), ("one", "limited", "valid"), (None, "valid", "limited")]


async def test_a_reset_forgets_the_limits_of_models(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        await accounts.limit("a", "a model | of 100 %", Whose.MODEL)
        assert [one.model for one in (await accounts.limits(["a"]))["a"]] == ["a model | of 100 %"]
        await accounts.reset("a")
        assert await accounts.limits(["a"]) == {"a": ()}
        assert redis_server.command("EXISTS", "mix2api:{accounts:openai}:limits") == 0


@pytest.mark.parametrize("text", ["rubbish", "|mix/test 0 limited soon|", "|mix/test |", "\xff"])
async def test_limits_that_no_process_wrote_keep_nothing_back(redis_server: RedisServer, text: str) -> None:
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        redis_server.command("HSET", "mix2api:{accounts:openai}:limits", "a", text)
        assert (await chosen(accounts, "k1", [Offered("a", 1, 0)])).limits == ()
        assert store.damage.total == 1
