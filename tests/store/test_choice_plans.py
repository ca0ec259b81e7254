"""Plans of the next choices: each choice is the one that would be made alone, whatever changes, and damage costs a plan."""

from collections.abc import Iterator
from random import Random  # noqa: TID251 - seeded: the same changes in every run
from typing import Final

import pytest
import store_parts as parts
from attrs import define, field
from cluster_servers import RedisCluster
from redis_server import RedisServer
from store.pool_accounts import TTL_S, asking, chosen, running_accounts

from mix2api.accounts.choice import Candidate, SmoothChoice
from mix2api.accounts.model_limits import Whose
from mix2api.accounts.port import Asking, Chosen, Exhausted, Offered, Roster, Unfit, Why
from mix2api.accounts.state import AccountState, Evidence, Status
from mix2api.clock import SystemClock
from mix2api.store.accounts import RedisAccounts
from mix2api.vocabulary import Digest

POOL: Final = "mix2api:{accounts:openai}:"
MODELS: Final = ("one", "two")


def pool_of(count: int, *weights: int) -> list[Offered]:
    """Accounts with these weights in turn; the last quarter of them stands behind the others."""
    return [
        Offered(f"a{number}", weights[number % len(weights)], int(number >= count - count // 4))
        for number in range(count)
    ]


@define(eq=False)
class Rule:
    """The pure rule over what is known of the accounts: what the store has to choose."""

    offered: list[Offered]
    choice: SmoothChoice = field(factory=SmoothChoice)
    away: set[str] = field(factory=set)
    drained: set[str] = field(factory=set)
    weights: dict[str, int] = field(factory=dict)
    limited: set[tuple[str, str]] = field(factory=set)

    def choose(self, model: str, roster: list[Offered], apart: set[str]) -> str | None:
        return self.choice.choose(
            [
                Candidate(one.id, self.weights.get(one.id, one.weight), one.priority)
                for one in roster
                if one.id not in self.away | self.drained | apart and (one.id, model) not in self.limited
            ]
        )


async def change(random: Random, rule: Rule, accounts: RedisAccounts) -> None:
    """One word of an operator, or one limit."""
    account = random.choice(rule.offered).id
    what = random.choice(("disable", "enable", "drain", "keep", "weigh", "unweigh", "limit", "lift"))
    match what:
        case "disable":
            rule.away.add(account)
            await accounts.judge(account, Evidence.DISABLE)
        case "enable":
            rule.away.discard(account)
            await accounts.judge(account, Evidence.ENABLE)
        case "drain" | "keep":
            rule.drained = rule.drained | {account} if what == "drain" else rule.drained - {account}
            await accounts.drain(account, is_drained=what == "drain")
        case "weigh":
            rule.weights[account] = random.choice((1, 2, 7))
            await accounts.weigh(account, rule.weights[account])
        case "unweigh":
            rule.weights.pop(account, None)
            await accounts.weigh(account, None)
        case "limit":
            rule.limited.add((account, "two"))
            await accounts.limit(account, "two", Whose.MODEL)
        case "lift":
            rule.limited.discard((account, "two"))
            await accounts.lift(account, "two")


@pytest.mark.parametrize(
    ("count", "weights"), [(4, (1,)), (5, (5, 1, 2)), (40, (1,)), (40, (1, 2, 3)), (60, tuple(range(1, 61)))]
)
async def test_planned_choices_are_those_of_the_pure_rule_whatever_changes(
    redis_server: RedisServer, count: int, weights: tuple[int, ...]
) -> None:
    random = Random(count * len(weights))  # noqa: S311 - likewise
    offered = pool_of(count, *weights)
    rule, rosters = Rule(offered), [offered, offered[1::2]]
    packed = [Roster(tuple(one)) for one in rosters]
    async with running_accounts(redis_server) as accounts:
        for number in range(1500):
            share = 0.02 if number % 500 > 200 else 0  # long enough without a change for several whole plans
            if random.random() < share:
                await change(random, rule, accounts)
            place, model = int(random.random() < share), MODELS[random.random() < 2 * share]
            apart = {random.choice(offered).id} if random.random() < share else set()
            key = None if random.random() < 0.1 else Digest(f"k{number}")
            found = await accounts.choose(
                Asking(api_key=key, model=model), packed[place], dict.fromkeys(apart, Unfit.TRIED)
            )
            expected = rule.choose(model, rosters[place], apart)
            assert (found.account if isinstance(found, Chosen) else None) == expected, number


async def test_calls_of_two_hundred_accounts_are_planned(redis_server: RedisServer) -> None:
    offered = pool_of(200, 1)
    async with running_accounts(redis_server) as accounts:
        for number in range(3):
            assert redis_server.command("EXISTS", f"{POOL}order") == 0
            await chosen(accounts, f"k{number}", offered)
        assert redis_server.command("LLEN", f"{POOL}order") == 600, (
            "four for each account of the first priority"
        )
        for number in range(3, 603):
            assert (await chosen(accounts, f"k{number}", offered)).why is Why.CHOSEN
        assert redis_server.command("EXISTS", f"{POOL}order") == 0
        assert len({one.account async for one in accounts.bindings()}) == 150


async def test_a_key_that_moves_takes_the_next_account_of_the_plan(redis_server: RedisServer) -> None:
    offered = pool_of(40, 1)
    async with running_accounts(redis_server) as accounts:
        first = (await chosen(accounts, "k0", offered)).account
        await accounts.judge(first, Evidence.DISABLE)
        for number in range(1, 5):
            await chosen(accounts, f"k{number}", offered)
        left = redis_server.command("LLEN", f"{POOL}order")
        moved = await chosen(accounts, "k0", offered)
        assert moved.why is Why.MOVED
        assert redis_server.command("LLEN", f"{POOL}order") == left - 1  # type: ignore[operator]
        assert (await chosen(accounts, "k0", offered)).account == moved.account


async def planned(accounts: RedisAccounts, offered: list[Offered], stem: str = "p") -> None:
    """A plan stands."""
    for number in range(4):
        await chosen(accounts, f"{stem}{number}", offered)


async def test_a_plan_ends_when_an_account_may_come_back(redis_server: RedisServer) -> None:
    offered = pool_of(4, 1)
    async with running_accounts(redis_server) as accounts:
        await accounts.judge("a0", Evidence.LIMITED)
        await planned(accounts, offered)
        due = redis_server.command("HGET", f"{POOL}plan", "until")
        assert due == b"%d" % (await accounts.states(["a0"]))["a0"].probe_ms
        redis_server.command("HSET", f"{POOL}states", "a0", "limited 1 0 - 0 1 1 limited")
        redis_server.command("HSET", f"{POOL}plan", "until", "1")
        found = [await chosen(accounts, f"k{number}", offered) for number in range(6)]
        lent = [one for one in found if one.account == "a0"]
        assert [one.state.status for one in lent] == [Status.LIMITED], "one call tries it"


async def test_an_account_that_may_be_tried_but_is_not_next_ends_no_plan(redis_server: RedisServer) -> None:
    offered = pool_of(8, 1)
    async with running_accounts(redis_server) as accounts:
        await accounts.judge("a7", Evidence.FAILING)
        redis_server.command("HSET", f"{POOL}states", "a7", "error 1 0 - 0 1 1 failing")
        await planned(accounts, offered)
        left = redis_server.command("LLEN", f"{POOL}order")
        await chosen(accounts, "k1", offered)
        assert redis_server.command("LLEN", f"{POOL}order") == left - 1  # type: ignore[operator]


async def test_a_changed_time_ends_a_plan_though_no_change_is_told(redis_server: RedisServer) -> None:
    offered = pool_of(4, 1)
    async with running_accounts(redis_server) as accounts:
        await accounts.judge("a0", Evidence.LIMITED)
        await planned(accounts, offered)
        told = len(await accounts.changes())
        await accounts.judge("a0", Evidence.LIMITED)
        assert len(await accounts.changes()) == told
        assert redis_server.command("HGET", f"{POOL}plan", "until") == b"0"
        await planned(accounts, offered, "q")
        due = redis_server.command("HGET", f"{POOL}plan", "until")
        assert due == b"%d" % (await accounts.states(["a0"]))["a0"].probe_ms


async def test_a_change_that_an_older_process_wrote_ends_a_plan(redis_server: RedisServer) -> None:
    offered = pool_of(4, 1)
    async with running_accounts(redis_server) as accounts:
        await planned(accounts, offered)
        redis_server.command("HSET", f"{POOL}states", "a1", "valid 0 0 9 0 0 1 weighed")
        redis_server.command("XADD", f"{POOL}changes", "*", "account", "a1", "before", "", "after", "")
        found = [(await chosen(accounts, f"k{number}", offered)).account for number in range(11)]
        assert found.count("a1") >= 8


async def test_an_account_that_nobody_told_of_is_not_taken_from_a_plan(redis_server: RedisServer) -> None:
    offered = pool_of(4, 1)
    async with running_accounts(redis_server) as accounts:
        await planned(accounts, offered)
        redis_server.command("HSET", f"{POOL}states", "a1", "disabled 0 0 - 0 0 1 disable")
        assert "a1" not in {(await chosen(accounts, f"k{number}", offered)).account for number in range(8)}


async def test_a_plan_tells_what_is_known_of_an_account(redis_server: RedisServer) -> None:
    offered = pool_of(4, 1)
    async with running_accounts(redis_server) as accounts:
        for one in offered:
            await accounts.weigh(one.id, 1)
            await accounts.limit(one.id, "another", Whose.MODEL)
        await planned(accounts, offered)
        found = await chosen(accounts, "k1", offered)
        again = await chosen(accounts, "k1", offered)
        assert (found.why, again.why) == (Why.CHOSEN, Why.BOUND)
        assert found.state.weight == again.state.weight == 1
        assert [one.model for one in found.limits] == [one.model for one in again.limits] == ["another"]
        refused = await accounts.choose(Asking(api_key=Digest("k2"), model="another"), Roster(tuple(offered)))
        assert isinstance(refused, Exhausted)


async def test_a_cluster_keeps_plan_and_roster_in_the_slot_of_the_pool(redis_cluster: RedisCluster) -> None:
    offered = pool_of(4, 1)
    async with parts.running_store(redis_cluster.url()) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        await planned(accounts, offered)
        await accounts.judge("a0", Evidence.DISABLE)
        found = [(await chosen(accounts, f"k{number}", offered)).account for number in range(6)]
        assert set(found) == {"a1", "a2"}
        assert (await chosen(accounts, "k1", offered)).why is Why.BOUND
        assert redis_cluster.master_of(f"{POOL}states").command("LLEN", f"{POOL}order") > 0  # type: ignore[operator]


async def test_plans_and_rosters_expire(redis_server: RedisServer) -> None:
    async with running_accounts(redis_server) as accounts:
        await planned(accounts, pool_of(4, 1))
        for kind in ("plan", "order", "roster"):
            (key,) = keys_of(redis_server, kind)
            assert 0 < redis_server.command("PTTL", key) <= 86_400_000  # type: ignore[operator]


def keys_of(server: RedisServer, kind: str) -> Iterator[str]:
    names = server.command("KEYS", "*")
    assert isinstance(names, list)
    return (name.decode() for name in names if name.decode().startswith(f"{POOL}{kind}"))


@pytest.mark.parametrize("is_bound", [True, False])
@pytest.mark.parametrize(
    "instead",
    [(), ("SET", "a string"), ("HSET", "|", "rubbish"), ("HSET", "|", "|a9 1 0|"), ("HSET", "a9", "")],
)
async def test_a_roster_that_redis_lost_is_told_once_more(
    redis_server: RedisServer, *, is_bound: bool, instead: tuple[str, ...]
) -> None:
    offered = pool_of(4, 1)
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        before = (await chosen(accounts, "k1", offered)).account
        await accounts.confirm(asking(), before)
        (key,) = keys_of(redis_server, "roster")
        kept = redis_server.command("HGET", key, "|")
        redis_server.command("DEL", key)
        if instead:
            redis_server.command(instead[0], key, *instead[1:])
        found = await chosen(accounts, "k1" if is_bound else "k2", offered)
        assert found.why is (Why.BOUND if is_bound else Why.CHOSEN)
        assert (found.account == before) is is_bound
        assert redis_server.command("HGET", key, "|") == kept
        assert redis_server.command("HLEN", key) == 1 + len(offered)
        assert store.damage.total == int(instead[:1] == ("SET",))


@pytest.mark.parametrize("kind", ["plan", "order", "changes", "turns"])
@pytest.mark.parametrize("is_rubbish", [True, False])
async def test_a_damaged_plan_gives_way(redis_server: RedisServer, kind: str, *, is_rubbish: bool) -> None:
    offered = pool_of(4, 1)
    async with parts.running_store(redis_server.url) as store:
        accounts = store.accounts("openai", TTL_S, SystemClock())
        await planned(accounts, offered)
        key = f"{POOL}{kind}"
        if not is_rubbish:
            redis_server.command("SET", key, "no plan")
        elif kind == "order":
            redis_server.command("RPUSH", key, "unknown 12345678", "", " ", "a0 nothing")
        elif kind == "plan":
            redis_server.command("HSET", key, "until", "soon", "limited", "", "fit", "|a0 x|\xff|")
        elif kind == "turns":
            redis_server.command("HSET", key, "a0", "much", "a1", "")
        found = [(await chosen(accounts, f"k{number}", offered)).account for number in range(80)]
        assert set(found) <= {one.id for one in offered}
        assert len(set(found)) > 1
        assert store.damage.total == int(not is_rubbish)


async def test_a_call_of_one_account_leaves_the_plan_alone(redis_server: RedisServer) -> None:
    offered = pool_of(4, 1)
    owned = Asking(api_key=Digest("k1"), model="mix/test", is_owned=True)
    async with running_accounts(redis_server) as accounts:
        await planned(accounts, offered)
        left = redis_server.command("LLEN", f"{POOL}order")
        found = await accounts.choose(owned, Roster((offered[1],)))
        assert isinstance(found, Chosen)
        assert (found.account, found.state) == ("a1", AccountState())
        assert redis_server.command("LLEN", f"{POOL}order") == left
