"""Calls over a pool: bound, spread, tried again before any output, and never put into another account's session."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import store_parts as parts
import trio
import trio.testing
from attrs import evolve
from redis_server import RedisServer

from mix2api.accounts.account import Account, AccountType
from mix2api.accounts.hints import ResetHint
from mix2api.accounts.state import Evidence, Status
from mix2api.clock import SystemClock
from mix2api.settings.choices import BindingScope
from mix2api.store.accounts import RedisAccounts
from mix2api.upstreams.accounts.binding_keys import binding_key
from mix2api.upstreams.accounts.pool import AccountsUpstream, PoolOptions
from mix2api.upstreams.accounts.secrets import Secrets
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    Opened,
    Served,
    Started,
    Text,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.upstreams.scripted import Raise, Refuse, Script, ScriptedUpstream
from mix2api.vocabulary import Detail, Digest, EndReason, RequestId, RunId
from mix2api.wire.turn import Message, Turn

GOOD: Final[Script] = [[Opened(200), Started("s", "x")], [Text("hi")], [Finished("stop")]]
ENVIRON: Final = {"KEY_A": "sk-a", "KEY_B": "sk-b", "KEY_C": "sk-c"}


def fault(detail: Detail = Detail.STATUS, status: int | None = 503, **known: Any) -> UpstreamFault:
    reason = EndReason.UPSTREAM_AUTH_ERROR if status in {401, 403} else EndReason.UPSTREAM_ERROR
    return UpstreamFault(reason, detail, "the site's words", status=status, **known)


def account(name: str, **known: Any) -> Account:
    fields: dict[str, Any] = {
        "id": name,
        "name": name,
        "type": AccountType.OPENAI,
        "base_url": f"https://{name}.example/v1",
        "credential": f"env:KEY_{name.upper()}",
    }
    return Account(**fields | known)


def call(key: str = "k1", session: str | None = None) -> UpstreamCall:
    messages = [Message(role="user", content="hello")]
    turn = Turn(model="m", messages=messages)
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=turn,
        messages=messages,
        session=session,
        caller=Digest(key),
    )


class Sites:
    """One scripted answer an account, for as long as it stands."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.calls: list[UpstreamCall] = []

    def open(self, call: UpstreamCall) -> Any:
        self.calls.append(call)
        assert call.base_url is not None
        name = call.base_url.removeprefix("https://").partition(".")[0]
        return ScriptedUpstream([self.scripts.get(name, GOOD)]).open(call)

    @property
    def asked(self) -> list[str]:
        return [(call.base_url or "").removeprefix("https://").partition(".")[0] for call in self.calls]


class Pool:
    """A pool over scripted sites and a real store."""

    def __init__(self, upstream: AccountsUpstream, sites: Sites, shared: RedisAccounts) -> None:
        self.upstream, self.sites, self.shared = upstream, sites, shared

    async def put(self, call: UpstreamCall) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        async with self.upstream.open(call) as stream:
            async for batch in stream:
                stream.pause()
                events += batch
            await stream.aclose()
        return events

    async def served(self, key: str = "k1") -> str:
        events = await self.put(call(key))
        (served,) = [event for event in events if isinstance(event, Served)]
        assert Text("hi") in events
        return served.account


@asynccontextmanager
async def running_pool(
    server: RedisServer,
    accounts: Sequence[Account],
    *,
    tries: int = 3,
    is_named: bool = False,
    wait_s: float = 60,
    scope: BindingScope = BindingScope.API_KEY,
) -> AsyncIterator[Pool]:
    sites = Sites()
    async with parts.running_store(server.url) as store:
        shared = store.accounts("openai", 3600, SystemClock())
        options = PoolOptions(
            type=AccountType.OPENAI,
            tries=tries,
            wait_s=wait_s,
            is_named=is_named,
            binding_key=binding_key(scope, parts.SEAL),
            model_word=str,
        )
        secrets = Secrets(accounts, ENVIRON, "accounts.toml")
        yield Pool(AccountsUpstream(sites, accounts, secrets, shared, options, SystemClock()), sites, shared)


TWO: Final = [account("a"), account("b")]


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


async def test_an_error_frame_after_output_limits_the_account(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        pool.sites.scripts["a"] = [[Opened(200)], [Text("half")], [Failed("slow down", Detail.RATE_LIMIT)]]
        await pool.put(call())
        assert (await pool.shared.states(["a"]))["a"].status is Status.LIMITED


async def test_a_hint_of_a_refusal_is_kept_and_evidence_goes_before_it(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a")]) as pool:
        limited = fault(Detail.STATUS, 429)
        limited.reset = ResetHint(SystemClock().now_ms() + 18 * 86_400_000, is_quota=True)
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


async def test_an_exhausted_pool_says_when_and_why(redis_server: RedisServer) -> None:
    for is_named, word in ((True, "a: disabled, b: limited for "), (False, "1: disabled, 2: limited for ")):
        redis_server.command("FLUSHALL")
        async with running_pool(redis_server, TWO, is_named=is_named) as pool:
            await pool.shared.judge("a", Evidence.DISABLE)
            await pool.shared.judge("b", Evidence.LIMITED)
            with pytest.raises(UpstreamFault, match="rate_limit") as caught:
                await pool.put(call())
            assert word in caught.value.message
            assert caught.value.status == 429
            assert 0 < (caught.value.retry_after_s or 0) <= 60
            assert pool.sites.calls == []


async def test_a_model_that_no_account_may_serve_is_refused(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a", models=("gpt-*",))]) as pool:
        with pytest.raises(UpstreamFault) as caught:
            await pool.put(call())
        assert "none for this model" in caught.value.message


ONE_EACH: Final = [account("a", max_concurrency=1), account("b", max_concurrency=1)]


async def test_a_busy_account_lends_its_key_and_a_busy_pool_refuses_after_the_deadline(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, ONE_EACH, wait_s=0) as pool:
        bound = await pool.served()
        async with pool.upstream.open(call()):
            lent = await pool.served()
            assert lent != bound
            async with pool.upstream.open(call("k2")):
                with pytest.raises(UpstreamFault) as caught:
                    await pool.put(call())
        assert (caught.value.end_reason, caught.value.detail) == (EndReason.OVERLOADED, Detail.DEADLINE)
        assert caught.value.retry_after_s == 1
        assert not caught.value.taken


async def test_a_call_waits_in_the_line_of_its_key_s_account_where_all_are_busy(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, ONE_EACH) as pool:
        bound = await pool.served()
        served: list[str] = []

        async def ask() -> None:
            served.append(await pool.served())

        async with (
            trio.open_nursery() as nursery,
            pool.upstream.open(call()),
            pool.upstream.open(call("k2")),
        ):
            assert sorted(pool.sites.asked[-2:]) == ["a", "b"]
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert served == []
        assert served == [bound]


async def test_a_session_s_account_is_waited_for_and_the_session_is_not_given_up(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, ONE_EACH, wait_s=0) as pool:
        (started,) = [event for event in await pool.put(call()) if isinstance(event, Started)]
        async with pool.upstream.open(call()):
            with pytest.raises(UpstreamFault) as caught:
                await pool.put(call(session=started.session))
        assert caught.value.detail is Detail.DEADLINE
        await pool.put(call(session=started.session))


async def test_without_a_binding_the_calls_of_one_key_spread_by_weight(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO, scope=BindingScope.NONE) as pool:
        assert sorted([await pool.served() for _ in range(4)]) == ["a", "a", "b", "b"]
        assert [one async for one in pool.shared.bindings()] == []


async def test_a_model_has_the_name_that_its_account_has_for_it(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a", model_names={"m": "m-2026"})]) as pool:
        await pool.put(call())
        assert [one.turn.model for one in pool.sites.calls] == ["m-2026"]


@pytest.mark.parametrize(
    ("seen", "detail"), [(Evidence.DISABLE, Detail.OWNER_GONE), (Evidence.LIMITED, Detail.RATE_LIMIT)]
)
async def test_an_owner_is_hard_and_no_other_account_is_asked(
    seen: Evidence, detail: Detail, redis_server: RedisServer
) -> None:
    owned = call()
    owned = evolve(owned, turn=msgspec.structs.replace(owned.turn, owner="a"))
    async with running_pool(redis_server, TWO) as pool:
        for _ in range(3):
            await pool.put(owned)
        pool.sites.scripts["a"] = [Raise(fault())]
        with pytest.raises(UpstreamFault, match="status"):
            await pool.put(owned)
        assert set(pool.sites.asked) == {"a"}
        await pool.shared.judge("a", seen)
        with pytest.raises(UpstreamFault) as caught:
            await pool.put(owned)
        assert caught.value.detail is detail
        gone = evolve(owned, turn=msgspec.structs.replace(owned.turn, owner="gone"))
        with pytest.raises(UpstreamFault, match="owner_gone"):
            await pool.put(gone)
        assert set(pool.sites.asked) == {"a"}


async def test_a_session_is_continued_by_the_account_that_has_it_and_by_no_other(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, TWO) as pool:
        events = await pool.put(call())
        (started,) = [event for event in events if isinstance(event, Started)]
        owner, own = (started.session or "").split("|")
        assert own == "s"
        await pool.put(call("another key", session=started.session))
        assert pool.sites.asked == [owner, owner]
        assert pool.sites.calls[1].session == "s"
        await pool.shared.drain(owner)
        await pool.put(call("another key", session=started.session))
        await pool.shared.judge(owner, Evidence.DISABLE)
        for session in (started.session, "gone|s", "s of a time before"):
            with pytest.raises(UpstreamFault, match="session_lost"):
                await pool.put(call(session=session))
        assert pool.sites.asked == [owner] * 3


async def test_an_owner_that_fails_gives_its_session_up(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO) as pool:
        pool.sites.scripts["a"] = [Raise(fault())]
        with pytest.raises(UpstreamFault, match="session_lost"):
            await pool.put(call(session="a|s"))
        assert pool.sites.asked == ["a"]


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
