"""How soon a second process has its share, and how soon it has all shards of a dead one: `make takeover`."""

from functools import partial

import pytest
import trio
from real_process import RealProcess, real_process
from redis_server import RedisServer
from whole_system import defaults, until

from mix2api.steps import at_once
from mix2api.store.rendezvous import Rendezvous, Taker
from mix2api.vocabulary import ProcessId

_SHARDS = 256
_MOST_LEASES, _AND_S = 2, 1.0
"""The bound on a take-over: two leases and a second."""
_TRIALS = 3
_WEIGHT = 100
"""As `MIX2API_WEIGHT` ships."""

pytestmark = pytest.mark.takeover


async def held_by(server: RedisServer, process: str) -> int:
    """Shards whose leases are a process's."""
    keys = [f"mix2api:{{s{shard:02x}}}:lease" for shard in range(_SHARDS)]
    tokens = await trio.to_thread.run_sync(server.command, "EVAL", _LEASES, len(keys), *keys)
    assert isinstance(tokens, list)
    return sum(token.startswith(f"{process}:".encode()) for token in tokens)


_LEASES = "local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('GET', k) or '' end return r"


async def id_of(process: RealProcess) -> str:
    line = await process.wait_line("process.started")
    word: str = line["process"]
    return word


def share_of(one: str, other: str) -> int:
    """How many shards the first of two processes is to have."""
    takers = [Taker(ProcessId(process), _WEIGHT) for process in (one, other)]
    return at_once(Rendezvous(_SHARDS).owners(takers)).count(ProcessId(one))


@pytest.mark.parametrize("lease_s", [1, 2, 5])
async def test_a_dead_process_s_shards_are_taken_over_in_two_leases_and_a_second(
    lease_s: int, server: RedisServer, figures: list[str]
) -> None:
    settings = {
        **defaults("http://127.0.0.1:9", server.url),
        "MIX2API_SHARDS": str(_SHARDS),
        "MIX2API_LEASE_S": str(lease_s),
    }
    joined_s: list[float] = []
    taken_s: list[float] = []
    async with real_process("worker", settings) as stays:
        survivor = await id_of(stays)

        async def has(shards: int) -> bool:
            return await held_by(server, survivor) == shards

        for _ in range(_TRIALS):
            await until(partial(has, _SHARDS))
            async with real_process("worker", settings) as dies:
                share = share_of(survivor, await id_of(dies))
                began_s = trio.current_time()
                await until(partial(has, share))
                joined_s.append(trio.current_time() - began_s)
                began_s = trio.current_time()
                await dies.kill()
                await until(partial(has, _SHARDS))
                taken_s.append(trio.current_time() - began_s)
    figures.append(f"lease {lease_s} s: joined after {_range(joined_s)}, taken over after {_range(taken_s)}")
    assert max(taken_s) <= _MOST_LEASES * lease_s + _AND_S


def _range(seconds: list[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f} s"
