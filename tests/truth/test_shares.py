"""The limits and the fairness of one process hold for four of them: `make shares`, `SHARES_S` seconds for each load."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Final

import pytest
import trio
from real_process import real_process
from redis_server import RedisServer
from simulation.slot_world import LOADS, PROCESSES, QUEUES, SLOTS, slots_in
from truth.sharing import Callers, Concurrency, held_of
from whole_system import defaults

from mix2api.demo import Demo, DemoOptions, serve_demo

MEASURED_S = float(os.environ.get("SHARES_S", "60"))
_WARM_S: Final = 15.0
"""Nine heartbeats of a lease of 5 s."""
_APART: Final = 0.2
"""Of what one process gives that has all slots."""
_PROMPT: Final = "[[chunks:12]] [[pace:100]]"
"""An answer of 1.2 s: shorter than the time between two heartbeats, so that their figures are always old."""

pytestmark = pytest.mark.shares


@asynccontextmanager
async def serving(settings: Mapping[str, str]) -> AsyncIterator[list[int]]:
    """The ports of real processes, which are killed at the end."""
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(real_process("serve", settings)) for _ in range(PROCESSES)]
        yield [await process.wait_port() for process in running]


@pytest.mark.parametrize("name", LOADS)
async def test_callers_of_four_processes_get_what_they_would_of_one(
    name: str, server: RedisServer, figures: list[str]
) -> None:
    concurrency = Concurrency()
    async with trio.open_nursery() as nursery:
        demo: Demo = await nursery.start(serve_demo, DemoOptions())
        settings = {
            **defaults(demo.url, server.url),
            "MIX2API_SHARDS": "256",
            "MIX2API_LEASE_S": "5",
            "MIX2API_MAX_CONCURRENCY": str(SLOTS),
            "MIX2API_QUEUE_MAX": str(QUEUES.get(name, 1000)),
        }
        async with serving(settings) as ports, trio.open_nursery() as asking:
            callers = Callers(LOADS[name], ports, _PROMPT)
            asking.start_soon(callers.ask)
            await trio.sleep(_WARM_S)
            callers.begin()
            asking.start_soon(concurrency.watch, lambda: demo.stats.open_streams)
            await trio.sleep(MEASURED_S)
            callers.finish()
            asking.cancel_scope.cancel()
        nursery.cancel_scope.cancel()
    one, held = slots_in(name, 1), held_of(callers.got)
    slots = sum(one.values())
    figures += told(name, concurrency, callers, one)
    assert max(concurrency.seen) <= PROCESSES * SLOTS * (1 + _APART)
    assert concurrency.mean == pytest.approx(slots, rel=_APART)
    assert {caller: share * slots for caller, share in held.items()} == {
        caller: pytest.approx(of_one, rel=_APART) for caller, of_one in one.items()
    }


def told(name: str, concurrency: Concurrency, callers: Callers, one: Mapping[str, float]) -> list[str]:
    """The figures as lines; `one` has the slots that one process would give each caller."""
    slots, held = sum(one.values()), held_of(callers.got)
    lines = [f"{name}: {concurrency.mean:.1f} turns at once of {slots:.1f}, {max(concurrency.seen)} at most"]
    for caller, got in callers.got.items():
        shares = f"{held[caller]:.1%} of the slots, one process gives {one[caller] / slots:.1%}"
        waited_s = median(got.waited_s) if got.waited_s else 0.0
        refused = sum(got.refused.values())
        lines.append(
            f"  {caller}: {shares}; {got.answered} answered after {waited_s:.1f} s, {refused} refused"
        )
    return lines
