"""Logins that tests script, a clock that they turn, and a credential that is kept while a block runs."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field

from mix2api.store.memory_vault import MemoryVault
from mix2api.upstreams.credentials.grant import Grant
from mix2api.upstreams.credentials.login import LoginFailed
from mix2api.upstreams.credentials.managed import LoginReport, ManagedCredential, ManagedOptions
from mix2api.vault import Vault
from mix2api.vocabulary import Digest

NAME = Digest("c" * 32)
START_MS = 1_700_000_000_000


@define
class TurnedClock:
    """`mix2api.clock.Clock`; both of its times go with `turned_ms`."""

    turned_ms: int = 0

    def now_ms(self) -> int:
        return START_MS + self.turned_ms

    def monotonic_ms(self) -> float:
        return float(self.turned_ms)


@define(eq=False)
class ScriptedLogin:
    """`Login`: fails as the script says, else gives `t1`, `t2`, … of the given life."""

    clock: TurnedClock = field(factory=TurnedClock)
    failures: list[LoginFailed] = field(factory=list)
    life_ms: int | None = 3_600_000
    gate: trio.Event | None = None
    """Waited for before every answer."""
    count: int = 0
    asked: trio.Event = field(factory=trio.Event)

    async def fetch(self) -> Grant:
        self.count += 1
        self.asked.set()
        await trio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        expires_ms = None if self.life_ms is None else self.clock.now_ms() + self.life_ms
        return Grant(f"t{self.count}", expires_ms)


@define(eq=False)
class Parts:
    """A credential and what it is made of."""

    credential: ManagedCredential
    login: ScriptedLogin
    clock: TurnedClock
    reports: list[LoginReport]
    keeper: trio.CancelScope


@asynccontextmanager
async def kept_credential(
    vault: Vault | None = None,
    login: ScriptedLogin | None = None,
    failures: Iterable[LoginFailed] = (),
    *,
    limit_s: float = 20,
    **options: Any,
) -> AsyncIterator[Parts]:
    """A credential whose `keep` runs."""
    login = login or ScriptedLogin()
    login.failures += failures
    reports: list[LoginReport] = []
    credential = ManagedCredential(
        ManagedOptions(name=NAME, **options),
        login,
        vault or MemoryVault(),
        login.clock,
        reports.append,
        draw=lambda: 0.0,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(credential.keep)
        with trio.fail_after(limit_s):
            yield Parts(credential, login, login.clock, reports, nursery.cancel_scope)
        nursery.cancel_scope.cancel()
