"""Accounts in Redis: one binding a key, the choice by weight, states that survive, and damage that gives way."""

from collections import Counter

import pytest
import store_parts as parts
import trio
from redis_server import RedisServer
from store.pool_accounts import FOUR, TTL_S, asking, chosen, running_accounts

from mix2api.accounts.choice import Candidate, SmoothChoice
from mix2api.accounts.port import Asking, Chosen, Exhausted, Offered, Roster, Unfit, Why
from mix2api.accounts.state import AccountState, Evidence, Status
from mix2api.clock import SystemClock
from mix2api.store.accounts import RedisAccounts
from mix2api.vocabulary import Digest


def ttl_ms(server: RedisServer, key: str = "k1") -> int:
    found = server.command("PTTL", f"mix2api:{{accounts:openai}}:session:binding:apikey:{key}")
    assert isinstance(found, int)
    return found


async def test_four_keys_over_four_equal_accounts_land_on_four_and_stay(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        first: dict[str, str] = {}

        async def ask(key: str) -> None:
            first[key] = (await chosen(accounts, key)).account
            await accounts.confirm(asking(key), first[key])

        async with trio.open_nursery() as nursery:
            for key in ("k1", "k2", "k3", "k4"):
                nursery.start_soon(ask, key)
        assert sorted(first.values()) == ["a", "b", "c", "d"]
        for key, account in first.items():
            again = await chosen(accounts, key)
            assert (again.account, again.why, again.is_confirmed) == (account, Why.BOUND, True)


async def test_a_thousand_racing_first_requests_of_one_key_make_one_binding(
    redis_server: RedisServer,
) -> None:
    async with running_accounts(redis_server) as one, running_accounts(redis_server) as two:
        found: list[str] = []

        async def ask(accounts: RedisAccounts) -> None:
            found.append((await chosen(accounts, "k1")).account)

        async with trio.open_nursery() as nursery:
            for number in range(1000):
                nursery.start_soon(ask, (one, two)[number % 2])
        assert len(found) == 1000
        assert len(set(found)) == 1
        assert [binding.account async for binding in one.bindings()] == [found[0]]


async def test_the_script_chooses_as_the_pure_rule_does(redis_server: RedisServer) -> None:
    offered = [Offered("a", 5, 0), Offered("b", 1, 0), Offered("c", 2, 0), Offered("d", 9, 1)]
    rule, candidates = SmoothChoice(), [Candidate(one.id, one.weight, one.priority) for one in offered]
    async with running_accounts(redis_server) as accounts:
        found = [(await chosen(accounts, f"k{number}", offered)).account for number in range(80)]
    assert found == [rule.choose(candidates) for _ in range(80)]
    assert Counter(found) == {"a": 50, "b": 10, "c": 20}


async def test_ten_thousand_keys_spread_by_weight_exactly_and_come_back_to_their_accounts(
    redis_server: RedisServer,
) -> None:
    offered = [Offered("a", 5, 0), Offered("b", 1, 0), Offered("c", 2, 0), Offered("d", 2, 0)]
    first: dict[str, str] = {}
    async with running_accounts(redis_server) as accounts:

        async def ask(key: str) -> None:
            account = (await chosen(accounts, key, offered)).account
            assert first.setdefault(key, account) == account

        for start in range(0, 10_000, 1000):
            async with trio.open_nursery() as nursery:
                for number in range(start, start + 1000):
                    nursery.start_soon(ask, f"k{number}")
        assert Counter(first.values()) == {"a": 5000, "b": 1000, "c": 2000, "d": 2000}, "chi-square of 0"
        async with trio.open_nursery() as nursery:
            for number in range(0, 10_000, 10):
                nursery.start_soon(ask, f"k{number}")


async def test_a_claim_is_short_and_a_confirmed_binding_slides(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        account = (await chosen(accounts, "k1")).account
        assert 0 < ttl_ms(redis_server) <= 300_000
        await accounts.confirm(asking(), account)
        assert 3_500_000 < ttl_ms(redis_server) <= 3_600_000
        redis_server.command("PEXPIRE", "mix2api:{accounts:openai}:session:binding:apikey:k1", 1000)
        await chosen(accounts, "k1")
        assert 3_500_000 < ttl_ms(redis_server) <= 3_600_000
        assert 0 < redis_server.command("PTTL", "mix2api:{accounts:openai}:turns") <= 86_400_000  # type: ignore[operator]


async def test_a_failed_claim_is_released_and_a_confirmed_binding_is_not(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        account = (await chosen(accounts, "k1")).account
        await accounts.release(asking(), "another")
        assert ttl_ms(redis_server) > 0
        await accounts.release(asking(), account)
        assert ttl_ms(redis_server) < 0
        account = (await chosen(accounts, "k1")).account
        await accounts.confirm(asking(), account)
        await accounts.release(asking(), account)
        assert ttl_ms(redis_server) > 0


@pytest.mark.parametrize("seen", [Evidence.LIMITED, Evidence.REFUSED, Evidence.FAILING, Evidence.DISABLE])
async def test_a_key_leaves_an_account_that_cannot_serve_and_does_not_jump_back(
    redis_server: RedisServer, seen: Evidence
) -> None:
    async with running_accounts(redis_server) as accounts:
        before = (await chosen(accounts, "k1")).account
        await accounts.confirm(asking(), before)
        await accounts.judge(before, seen)
        moved = await chosen(accounts, "k1")
        assert moved.account != before
        assert moved.why is Why.MOVED
        await accounts.confirm(asking(), moved.account)
        await accounts.judge(before, Evidence.RESET)
        assert (await chosen(accounts, "k1")).account == moved.account


async def test_a_busy_or_failing_account_keeps_its_key(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        before = (await chosen(accounts, "k1")).account
        await accounts.confirm(asking(), before)
        for why in Unfit:
            lent = await chosen(accounts, "k1", **{before: why})
            assert lent.account != before
            assert lent.why is Why.LENT
        assert (await chosen(accounts, "k1")).account == before
        await accounts.confirm(asking(), lent.account)
        assert (await chosen(accounts, "k1")).account == lent.account, "success on another account moves it"


async def test_an_account_that_the_file_no_longer_allows_loses_its_keys(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        before = (await chosen(accounts, "k1")).account
        offered = [one for one in FOUR if one.id != before]
        assert (await chosen(accounts, "k1", offered)).why is Why.MOVED


async def test_a_half_open_account_is_lent_to_one_call(redis_server: RedisServer) -> None:
    only = [Offered("a", 1, 0)]
    roster = Roster(tuple(only))
    async with running_accounts(redis_server) as accounts:
        await accounts.judge("a", Evidence.FAILING)
        refused = await accounts.choose(asking(), roster)
        assert isinstance(refused, Exhausted)
        assert refused.states["a"].status is Status.ERROR
        redis_server.command("HSET", "mix2api:{accounts:openai}:states", "a", "error 1 0 - 0 1 1 failing")
        assert (await chosen(accounts, "k1", only)).state.status is Status.ERROR
        assert isinstance(await accounts.choose(asking("k2"), roster), Exhausted)
        await accounts.judge("a", Evidence.SUCCESS)
        assert (await chosen(accounts, "k2", only)).state.status is Status.VALID


async def test_nothing_is_bound_where_nobody_can_serve(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        assert await accounts.choose(asking(), Roster(())) == Exhausted(states={})
        account = (await chosen(accounts, "k1")).account
        await accounts.judge(account, Evidence.DISABLE)
        assert isinstance(await accounts.choose(asking(), Roster((Offered(account, 1, 0),))), Exhausted)
        assert [one async for one in accounts.bindings()] == []


async def test_a_call_without_a_key_is_bound_to_nothing(redis_server: RedisServer) -> None:
    nobody = Asking(api_key=None, model="mix/test")
    async with running_accounts(redis_server) as accounts:
        found = [await accounts.choose(nobody, Roster(tuple(FOUR))) for _ in range(4)]
        assert {one.account for one in found if isinstance(one, Chosen)} == {"a", "b", "c", "d"}
        await accounts.confirm(nobody, "a")
        await accounts.release(nobody, "a")
        assert [one async for one in accounts.bindings()] == []


async def test_a_drained_account_serves_what_only_it_can_serve_with_or_without_a_key(
    redis_server: RedisServer,
) -> None:
    only = Roster((Offered("a", 1, 0),))
    async with running_accounts(redis_server) as accounts:
        await accounts.drain("a")
        for key in (None, Digest("k1")):
            owned = Asking(api_key=key, model="m", is_owned=True)
            assert isinstance(await accounts.choose(owned, only), Chosen)
            fresh = Asking(api_key=key, model="m")
            await accounts.unbind(Digest("k1"))
            assert isinstance(await accounts.choose(fresh, only), Exhausted)


async def test_operators_drain_weigh_and_reset(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        bound = (await chosen(accounts, "k1", [Offered("a", 1, 0)])).account
        await accounts.drain(bound)
        await accounts.weigh("b", 9)
        found = Counter([(await chosen(accounts, f"n{number}")).account for number in range(11)])
        assert found == {"b": 9, "c": 1, "d": 1}
        assert (await chosen(accounts, "k1")).account == bound, "bound keys stay on a drained account"
        states = await accounts.states(["a", "b", "c"])
        assert (states["a"].is_drained, states["b"].weight, states["c"]) == (True, 9, AccountState())
        await accounts.reset("a")
        assert (await accounts.states(["a"]))["a"] == AccountState()
        assert await accounts.states([]) == {}


async def test_a_binding_says_whose_it_is_and_can_be_removed(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        account = (await chosen(accounts, "k1")).account
        await accounts.confirm(asking(), account)
        (binding,) = [one async for one in accounts.bindings()]
        assert (binding.api_key, binding.account, binding.platform) == ("k1", account, "openai")
        assert (binding.model, binding.is_confirmed) == ("mix/test", True)
        assert 0 < binding.created_ms <= binding.used_ms
        assert 0 < binding.left_s <= TTL_S
        assert await accounts.unbind(Digest("k1"))
        assert not await accounts.unbind(Digest("k1"))


async def test_changes_of_many_processes_at_once_lose_none(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as one, running_accounts(redis_server) as two:
        async with trio.open_nursery() as nursery:
            for accounts in (one, two):
                nursery.start_soon(accounts.judge, "a", Evidence.LIMITED)
                nursery.start_soon(accounts.drain, "a")
                nursery.start_soon(accounts.weigh, "a", 7)
        state = (await one.states(["a"]))["a"]
        assert (state.status, state.is_drained, state.weight) == (Status.LIMITED, True, 7)


async def test_an_emptied_store_costs_bindings_and_nothing_else(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        await chosen(accounts, "k1")
        redis_server.command("FLUSHALL")
        assert (await chosen(accounts, "k1")).why is Why.CHOSEN


@pytest.mark.parametrize("kind", ["states", "limits", "turns", "plan", "session:binding:apikey:k1"])
async def test_a_key_of_another_type_gives_way(redis_server: RedisServer, kind: str) -> None:
    key = f"mix2api:{{accounts:openai}}:{kind}"
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        redis_server.command("SET", key, "no hash")
        assert (await accounts.states(["a"]))["a"] == AccountState()
        account = (await chosen(accounts, "k1")).account
        assert store.damage.total == 1
        redis_server.command("SET", key, "no hash")
        await accounts.judge("a", Evidence.LIMITED)
        await accounts.confirm(asking(), account)
        await accounts.release(asking(), account)
        redis_server.command("SET", key, "no hash")
        assert len([one async for one in accounts.bindings()]) == (0 if kind.startswith("session") else 1)


async def test_values_that_no_process_wrote_count_as_absent(redis_server: RedisServer) -> None:
    binding = "mix2api:{accounts:openai}:session:binding:apikey:k1"
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        redis_server.command("HSET", "mix2api:{accounts:openai}:states", "a", "rubbish", "b", "\xff")
        redis_server.command("HSET", "mix2api:{accounts:openai}:turns", "a", "rubbish")
        redis_server.command("HSET", binding, "account", "a", "created", "soon")
        assert [one async for one in accounts.bindings()] == []
        assert (await chosen(accounts, "k1", [Offered("a", 1, 0)])).state == AccountState()
        assert store.damage.total >= 1
        assert (await accounts.judge("a", Evidence.DISABLE)).status is Status.DISABLED


async def test_each_change_of_an_account_is_kept_with_its_reason(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        assert await accounts.changes() == []
        for seen in (Evidence.LIMITED, Evidence.LIMITED, Evidence.SUCCESS):
            await accounts.judge("a", seen)
        await accounts.drain("a")
        await accounts.reset("a")
        await accounts.reset("a")
        told = await accounts.changes()
        assert {one.account for one in told} == {"a"}
        assert [(one.after.status, one.after.reason, one.after.is_drained) for one in told] == [
            (Status.LIMITED, "limited", False),
            (Status.VALID, "success", False),
            (Status.VALID, "success", True),
            (Status.VALID, "-", False),
        ]
        assert [one.before.is_drained for one in told] == [False, False, False, True]
        left = redis_server.command("PTTL", "mix2api:{accounts:openai}:changes")
        assert isinstance(left, int)
        assert 0 < left <= 2_592_000_000
        redis_server.command("SET", "mix2api:{accounts:openai}:changes", "no stream")
        assert await accounts.changes() == []
        assert store.damage.total == 1
        await accounts.judge("b", Evidence.DISABLE)
        assert [one.account for one in await accounts.changes()] == ["b"]


async def test_scopes_do_not_share_bindings(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock(), "lineage")
        await chosen(accounts, "k1")
        assert ttl_ms(redis_server) < 0
        assert [one.api_key async for one in accounts.bindings()] == ["k1"]
        assert await accounts.unbind(Digest("k1"))


async def test_pools_do_not_share_keys(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as one, running_accounts(redis_server, "mix") as two:
        await one.judge("a", Evidence.DISABLE)
        assert (await two.states(["a"]))["a"] == AccountState()
