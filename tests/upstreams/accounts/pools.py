"""Pools of accounts over scripted sites and a real store."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import store_parts as parts
from redis_server import RedisServer

from mix2api.accounts.account import Account, AccountType
from mix2api.clock import SystemClock
from mix2api.settings.choices import BindingScope
from mix2api.store.accounts import RedisAccounts
from mix2api.upstreams.accounts.binding_keys import binding_key
from mix2api.upstreams.accounts.pool import AccountsUpstream, PoolOptions
from mix2api.upstreams.accounts.secrets import Secrets
from mix2api.upstreams.port import (
    Finished,
    Opened,
    Served,
    Started,
    Text,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.upstreams.scripted import Script, ScriptedUpstream
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


def call(key: str = "k1", session: str | None = None, model: str = "m") -> UpstreamCall:
    messages = [Message(role="user", content="hello")]
    turn = Turn(model=model, messages=messages)
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=turn,
        messages=messages,
        session=session,
        caller=Digest(key),
    )


class Sites:
    """One scripted answer an account, a credential, or an account and a model (`a m`), for as long as it stands."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.calls: list[UpstreamCall] = []

    def open(self, call: UpstreamCall) -> Any:
        self.calls.append(call)
        assert call.base_url is not None
        name = call.base_url.removeprefix("https://").partition(".")[0]
        of_model = self.scripts.get(f"{name} {call.turn.model}") or self.scripts.get(call.authorization or "")
        script = of_model or self.scripts.get(name, GOOD)
        return ScriptedUpstream([script]).open(call)

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

    async def served(self, key: str = "k1", model: str = "m") -> str:
        events = await self.put(call(key, model=model))
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
