"""A process's calls with the managed credential; run as a program it is such a process.

`python credential_calls.py <site> <redis>` reads lines of how many calls to make at once, and answers each with a line of how
many of them ended well.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import store_parts as parts
import trio
from attrs import define

from mix2api.clock import SystemClock
from mix2api.store.store import Store
from mix2api.upstreams.credentials.login import HttpLogin, LoginOptions
from mix2api.upstreams.credentials.managed import LoginReport, ManagedCredential, ManagedOptions
from mix2api.upstreams.credentials.renewing import RenewingUpstream
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import CredentialSource, MixOptions
from mix2api.upstreams.port import Finished, UpstreamCall
from mix2api.vocabulary import Digest, RequestId, RunId
from mix2api.wire.turn import Message, Turn


@define(eq=False)
class Caller:
    """One process's upstream."""

    upstream: RenewingUpstream
    store: Store

    async def call(self, calls: int) -> int:
        """How many of so many calls at once end well."""
        ended_well: list[bool] = []

        async def put(number: int) -> None:
            async with self.upstream.open(_call(number)) as stream:
                events = [event async for batch in stream for event in batch]
            ended_well.append(events[-1] == Finished("stop"))

        async with trio.open_nursery() as nursery:
            for number in range(calls):
                nursery.start_soon(put, number)
        return sum(ended_well)


@asynccontextmanager
async def caller(site: str, redis: str) -> AsyncIterator[Caller]:
    """A process's part, its credential kept."""
    clock = SystemClock()
    client = HttpClient(HttpOptions())
    async with parts.running_store(redis) as store, trio.open_nursery() as nursery:
        login = HttpLogin(LoginOptions(url=f"{site}/v2/token"), client, clock)
        options = ManagedOptions(name=Digest("c" * 32))
        credential = ManagedCredential(options, login, store.vault, clock, _ignore)
        nursery.start_soon(credential.keep)
        mix = MixUpstream(MixOptions(base_url=site, credential=CredentialSource.MANAGED), client)
        yield Caller(RenewingUpstream(mix, credential, 1), store)
        nursery.cancel_scope.cancel()
    client.close()


def _call(number: int) -> UpstreamCall:
    messages = [Message(role="user", content=f"call {number} [[chunks:1]]")]
    return UpstreamCall(
        run_id=RunId(f"run_{number}"),
        request_id=RequestId(f"req_{number}"),
        turn=Turn(model="mix/m", messages=messages, stream=True),
        messages=messages,
    )


def _ignore(_: LoginReport) -> None:
    pass


async def _obey(site: str, redis: str) -> None:
    async with caller(site, redis) as process:
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            sys.stdout.write(f"{await process.call(int(line))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    trio.run(_obey, *sys.argv[1:])
