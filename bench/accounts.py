"""What the choice of an account costs: CPU of the process and of the server for each choice, by accounts and bindings.

    python -m bench.accounts [--accounts 4,200] [--bindings 100000] [--rounds 2000]

Bound keys are asked one after the other, where one choice is one round trip, and 64 at once, as a busy process asks.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from mix2api.accounts.port import Asking, Offered, Roster
from mix2api.clock import SystemClock
from mix2api.sealing import Seal
from mix2api.store.accounts import RedisAccounts
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.vocabulary import Digest

_SEAL = Seal(b"a secret of the bench")
_TOGETHER = 1000
_AT_ONCE = 64
"""Calls of a busy process that choose at one moment."""


def _key(number: int) -> Digest:
    return _SEAL.digest(str(number), "bench")


async def _fill(accounts: RedisAccounts, roster: Roster, bindings: int) -> None:
    async def bind(number: int) -> None:
        asking = Asking(api_key=_key(number), model="m")
        await accounts.confirm(asking, roster.offered[number % len(roster.offered)].id)

    for start in range(0, bindings, _TOGETHER):
        async with trio.open_nursery() as nursery:
            for number in range(start, min(start + _TOGETHER, bindings)):
                nursery.start_soon(bind, number)


async def _server_us(store: Any) -> float:
    """CPU that the server has used, in microseconds."""
    (told,) = await store.links[0].execute(("INFO", "cpu"))
    fields = dict(line.split(":") for line in told.decode().split() if ":" in line)
    return (float(fields["used_cpu_sys"]) + float(fields["used_cpu_user"])) * 1e6


async def _measured(store: Any, accounts: RedisAccounts, roster: Roster, keys: Sequence[Digest]) -> str:
    await accounts.choose(Asking(api_key=keys[0], model="m"), roster)  # the script is loaded
    before_us, begun_ns = await _server_us(store), time.thread_time_ns()
    for key in keys:
        await accounts.choose(Asking(api_key=key, model="m"), roster)
    spent_us = (time.thread_time_ns() - begun_ns) / 1000 / len(keys)
    server_us = (await _server_us(store) - before_us) / len(keys)
    return f"{spent_us:.0f} us of the process, {server_us:.0f} us of the server"


async def _measured_at_once(accounts: RedisAccounts, roster: Roster, keys: Sequence[Digest]) -> str:
    left = iter(keys)

    async def choose() -> None:
        for key in left:
            await accounts.choose(Asking(api_key=key, model="m"), roster)

    begun_ns = time.thread_time_ns()
    async with trio.open_nursery() as nursery:
        for _ in range(_AT_ONCE):
            nursery.start_soon(choose)
    return f"{(time.thread_time_ns() - begun_ns) / 1000 / len(keys):.0f} us of the process"


async def _run(arguments: argparse.Namespace, data_dir: Path) -> None:
    async with open_store(StoreOptions(data_dir=data_dir)) as store:
        for count in arguments.accounts:
            accounts = store.accounts(f"bench{count}", 3600, SystemClock())
            roster = Roster(tuple(Offered(f"account-{number}", 1, 0) for number in range(count)))
            await _fill(accounts, roster, arguments.bindings)
            step = max(1, arguments.bindings // arguments.rounds)
            bound = [_key(number * step) for number in range(arguments.rounds)]
            fresh = [_key(10**9 + number) for number in range(arguments.rounds)]
            print(f"{count} accounts, {arguments.bindings} bindings")
            begun_ns = time.thread_time_ns()
            for _ in fresh:
                await store.links[0].execute(("PING",))
            print(
                f"  an empty round trip: {(time.thread_time_ns() - begun_ns) / 1000 / len(fresh):.0f} us of the process"
            )
            print("  a bound key:", await _measured(store, accounts, roster, bound))
            print(f"  a bound key, {_AT_ONCE} at once:", await _measured_at_once(accounts, roster, bound))
            print("  a first request:", await _measured(store, accounts, roster, fresh), flush=True)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = lambda text: [int(one) for one in text.split(",")]  # noqa: E731 - one line of argparse
    parser.add_argument("--accounts", type=numbers, default=[4, 200])
    parser.add_argument("--bindings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--data-dir", required=True)
    arguments = parser.parse_args()
    trio.run(_run, arguments, Path(arguments.data_dir))


if __name__ == "__main__":
    main()
