"""A deployment of two release channels in one nursery, and the words of an operator who takes a release through it."""

import argparse
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field
from redis_server import RedisServer
from several_processes import Processes, client_of, several_processes
from whole_system import SECRET, SHARDS, RunningProcess, until
from wire_client import WireClient

from mix2api import __version__
from mix2api.cli.release import add_parser, query_of, release
from mix2api.events.audit_entry import RequestSummary, read_request_summary
from mix2api.events.refusal_entry import RefusalEntry, read_refusal
from mix2api.process.parts import Role
from mix2api.release.shares import divided
from mix2api.store.audit_stream import AuditedRefusal, AuditedRun
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store
from mix2api.vocabulary import Channel, RunId

_DAY_MS = 86_400_000
BY = ("--who", "ann", "--why", "a test")


@define(eq=False)
class Operator:
    """Gives commands, as the command line does."""

    store: Store

    async def say(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The exit code of `mix2api release`, and what it prints as JSON."""
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        out = io.StringIO()
        code = await release(self.store, query_of(parser.parse_args(["release", *words, "--json"])), out)
        return code, json.loads(out.getvalue())

    async def start(self) -> dict[str, Any]:
        """A release of this version, at 0 %, without its gate."""
        return await self._done("start", __version__, *BY, "--without-gate")

    async def step(self, steps: int = 1) -> dict[str, Any]:
        """So many steps forward, without a guard; each once the processes have followed the one before."""
        for _ in range(steps):
            await until(self.is_followed)
            state = await self._done("step", *BY, "--without-guard")
        return state

    async def is_followed(self) -> bool:
        """Whether the canary owns the shards of its share."""
        _, facts = await self.say("status")
        division = divided(SHARDS, facts["percent"], frozenset(Channel))
        return bool(facts["channels"]["canary"]["shards"] == division.canary_shards)

    async def roll_back(self) -> dict[str, Any]:
        """Back to 0 %; returns once the canary owns no shard."""
        return await self._done("rollback", *BY)

    async def _done(self, *words: str) -> dict[str, Any]:
        code, facts = await self.say(*words)
        assert code == 0, facts
        return facts


@define(eq=False)
class TwoChannels:
    """A stable process and a canary process."""

    processes: Processes
    operator: Operator
    stable: RunningProcess
    canary: RunningProcess
    _seen: set[RunId] = field(factory=set)

    @property
    def client(self) -> WireClient:
        """Of the stable edge."""
        return client_of(self.stable)

    async def until_settled(self) -> None:
        """Waits until both processes have followed the last step: their shards are those of their channels."""
        await until(self.operator.is_followed)

    async def new_runs(self, count: int) -> list[RequestSummary]:
        """What the audit says of the runs since the last look, once there are so many."""
        found: dict[RunId, RequestSummary] = {}

        async def have_ended() -> bool:
            async for batch in self.operator.store.audit.read_audit(_DAY_MS):
                for entry in batch:
                    if isinstance(entry, AuditedRun) and entry.run_id not in self._seen:
                        summary = read_request_summary(entry.request)
                        assert summary is not None
                        found[entry.run_id] = summary
            return len(found) >= count

        await until(have_ended)
        assert len(found) == count
        self._seen |= found.keys()
        return list(found.values())

    async def refusals(self, count: int) -> list[RefusalEntry]:
        """The refused requests of the audit, once there are so many."""
        found: list[RefusalEntry] = []

        async def are_there() -> bool:
            found.clear()
            async for batch in self.operator.store.audit.read_audit(_DAY_MS):
                read = [read_refusal(entry.data) for entry in batch if isinstance(entry, AuditedRefusal)]
                found.extend(entry for entry in read if entry is not None)
            return len(found) >= count

        await until(are_there)
        return found

    async def ask_fresh(self, count: int, client: WireClient | None = None) -> Counter[Channel]:
        """Opens so many sessions; gives how many of them each channel's workers ran."""
        for place in range(count):
            answer = await (client or self.client).ask(f"fresh {place}", stream=True)
            assert answer.finish_reason() == "stop", answer.body
        return Counter(run.channel for run in await self.new_runs(count))


@asynccontextmanager
async def operating(redis: RedisServer) -> AsyncIterator[Operator]:
    """An operator of the tests' deployment."""
    options = StoreOptions(url=redis.url, secret=SECRET.encode(), shards=SHARDS, role="tests", lease_s=1)
    async with open_store(options) as store:
        yield Operator(store)


@asynccontextmanager
async def two_channels(
    redis: RedisServer, role: Role = Role.SERVE, **settings: str
) -> AsyncIterator[TwoChannels]:
    """Starts a stable `serve` process, then a canary process of that role."""
    async with several_processes(redis, MIX2API_DRAIN_TIMEOUT_S="20", **settings) as processes:
        stable = await processes.start()
        canary = await processes.start(role, MIX2API_CHANNEL="canary")
        async with operating(redis) as operator:
            yield TwoChannels(processes, operator, stable, canary)
