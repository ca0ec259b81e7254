"""Faults of the links of a deployment: those to its store and to its site, each through a proxy of the fault kit."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

import trio
from attrs import define, field
from fault_proxy import FaultProxy

_BETWEEN_S: Final = (1.0, 4.0)
_LASTS_S: Final = (0.2, 3.0)
"""Within the patience of acceptance and end (0.5 s), and beyond a lease (1 s)."""


@define(eq=False)
class LinkFaults:
    """The generator.

    Args:
        proxies: by the name of what stands behind them.
        random: from the run's seed.
    """

    proxies: dict[str, FaultProxy]
    random: Random
    done: dict[str, int] = field(factory=dict)

    async def trouble(self) -> None:
        """One fault after the other, until cancelled; whatever lasts is ended then."""
        kinds: tuple[Callable[[FaultProxy], Awaitable[None]], ...] = (
            self.cut,
            self.stall,
            self.half_close,
            self.drip,
            self.garble,
            self.slow,
            self.refuse,
        )
        while True:
            await trio.sleep(self.random.uniform(*_BETWEEN_S))
            name, proxy = self.random.choice([*self.proxies.items()])
            fault = self.random.choice(kinds)
            word = f"{fault.__name__} {name}"  # type: ignore[attr-defined]
            self.done[word] = self.done.get(word, 0) + 1
            await fault(proxy)

    async def cut(self, proxy: FaultProxy) -> None:
        proxy.cut()

    async def half_close(self, proxy: FaultProxy) -> None:
        proxy.half_close()

    async def garble(self, proxy: FaultProxy) -> None:
        proxy.garble()

    async def stall(self, proxy: FaultProxy) -> None:
        proxy.stall()
        try:
            await self._last()
        finally:
            proxy.flow()

    async def drip(self, proxy: FaultProxy) -> None:
        proxy.drip_s = 0.002
        try:
            await self._last()
        finally:
            proxy.drip_s = 0.0

    async def slow(self, proxy: FaultProxy) -> None:
        proxy.latency_s = self.random.choice((0.02, 0.05, 0.2))
        try:
            await self._last()
        finally:
            proxy.latency_s = 0.0

    async def refuse(self, proxy: FaultProxy) -> None:
        proxy.refuses = True
        proxy.cut()
        try:
            await self._last()
        finally:
            proxy.refuses = False

    async def _last(self) -> None:
        await trio.sleep(self.random.uniform(*_LASTS_S))
