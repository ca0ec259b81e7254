"""What the choice of an account costs: CPU of the process and of the server for each choice, by accounts and bindings.

    python -m bench.accounts --data-dir DIR [--accounts 4,200] [--bindings 100000] [--rounds 5000]

Each kind of choice is measured in two ways: one after the other, where one choice is one round trip, and 32 at once, as a
busy process asks. What an empty round trip (`PING`) takes is measured in the same ways.
"""

import argparse
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import trio

from mix2api.accounts.port import Asking, Offered, Roster
from mix2api.clock import SystemClock
from mix2api.sealing import Seal
from mix2api.store.accounts import RedisAccounts
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.vocabulary import Digest

_SEAL: Final = Seal(b"a secret of the bench")
_TOGETHER: Final = 1000
_AT_ONCE: Final = (1, 32)
"""Calls that choose at one moment: of a process with nothing else to do, and of a busy one."""

Ask = Callable[[Digest], Awaitable[object]]


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


async def _measured(store: Any, ask: Ask, keys: Sequence[Digest], at_once: int) -> tuple[float, float]:
    """Microseconds of the process and of the server for each key."""
    left = iter(keys)

    async def work() -> None:
        for key in left:
            await ask(key)

    before_us, begun_ns = await _server_us(store), time.thread_time_ns()
    async with trio.open_nursery() as nursery:
        for _ in range(at_once):
            nursery.start_soon(work)
    spent_us = (time.thread_time_ns() - begun_ns) / 1000
    return spent_us / len(keys), (await _server_us(store) - before_us) / len(keys)


async def _run(arguments: argparse.Namespace, data_dir: Path) -> None:
    async with open_store(StoreOptions(data_dir=data_dir)) as store:
        for count in arguments.accounts:
            accounts = store.accounts(f"bench{count}", 3600, SystemClock())
            roster = Roster(tuple(Offered(f"account-{number}", 1, 0) for number in range(count)))
            await _fill(accounts, roster, arguments.bindings)
            step = max(1, arguments.bindings // arguments.rounds)
            bound = [_key(number * step) for number in range(arguments.rounds)]
            fresh = [_key(10**9 + number) for number in range(arguments.rounds * len(_AT_ONCE))]

            async def ping(_: Digest) -> object:
                return await store.links[0].execute(("PING",))

            async def choose(key: Digest) -> object:
                return await accounts.choose(Asking(api_key=key, model="m"), roster)  # noqa: B023 - likewise

            await choose(bound[0])  # the script is loaded
            for place, at_once in enumerate(_AT_ONCE):
                others = fresh[place * arguments.rounds :][: arguments.rounds]
                for what, ask, keys in (
                    ("empty round trip", ping, bound),
                    ("bound key", choose, bound),
                    ("fresh key", choose, others),
                ):
                    own_us, server_us = await _measured(store, ask, keys, at_once)
                    print(
                        f"{count} accounts, {at_once} at once, {what}: "
                        f"{own_us:.1f} us of the process, {server_us:.1f} us of the server",
                        flush=True,
                    )


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = lambda text: [int(one) for one in text.split(",")]  # noqa: E731 - one line of argparse
    parser.add_argument("--accounts", type=numbers, default=[4, 200])
    parser.add_argument("--bindings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5000)
    parser.add_argument("--data-dir", required=True)
    arguments = parser.parse_args()
    trio.run(_run, arguments, Path(arguments.data_dir))


if __name__ == "__main__":
    main()
