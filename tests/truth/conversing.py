"""Conversations over real processes: an edge and two workers that come back when they are killed, and what their store says."""

import io
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import trio
from attrs import define
from conversation_client import PLANNED, Caller
from redis_server import RedisServer
from truth.deployment import Deployment, Seat, deployed
from whole_system import SECRET, SHARDS, defaults, until
from wire_client import WireClient

from mix2api.cli.conversations import ConversationsCommand
from mix2api.clock import SystemClock
from mix2api.conversations.events import ExecutionEnded, TaskClaimed, TurnMoved
from mix2api.conversations.graph import Graph
from mix2api.conversations.ids import TurnRef, read_ref
from mix2api.conversations.planner import SourceType
from mix2api.conversations.state import Turn
from mix2api.conversations.states import TURN_ENDS, TURNS
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.settings import load_settings
from mix2api.store.conversations import Conversations
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store
from mix2api.vocabulary import ProcessId

COMMANDS = {"edge": "edge", "first": "worker", "second": "worker"}
_ENDING = {trigger for (_, trigger), stage in TURNS.items() if stage in TURN_ENDS}


@define(eq=False, kw_only=True)
class Conversing:
    """A deployment with conversations, a caller of its edge, and the store."""

    deployment: Deployment
    caller: Caller
    store: Store
    conversations: Conversations
    settings: Mapping[str, str]

    async def publish(self, pattern: str, graph: Graph) -> None:
        """Makes a definition for the caller's messages."""
        owner = self.store.seal.digest(self.caller.client.token.encode(), "caller")
        workflows = self.store.workflows(SHARDS, 0)
        draft = await workflows.keep_draft(owner, graph, SourceType.AUTO_MISS_ROOT, 1)
        assert draft is not None
        path = f"/api/workflows/drafts/{draft.draft_id}/publish"
        await self.caller.data("POST", path, {"pattern": pattern})

    async def say(self, message: str) -> TurnRef:
        """Puts a message to a session of its own; returns once it is accepted."""
        path = f"/api/sessions/{await self.caller.session()}/chat"
        told = await self.caller.data("POST", path, {"message": message, "async": True})
        turn = read_ref(told["turnId"], "turn")
        assert turn is not None
        return turn

    async def turn(self, ref: TurnRef) -> Turn:
        """A turn as it rests."""
        return (await self.conversations.look(ref.conversation, [ref.number])).turns[ref.number]

    async def wait_end(self, ref: TurnRef) -> Turn:
        """A turn, once it has ended."""

        async def has_ended() -> bool:
            return (await self.turn(ref)).has_ended

        await until(has_ended)
        return await self.turn(ref)

    def kill(self, process: ProcessId) -> None:
        """Kill -9 to a process; another one starts in its place."""
        (life,) = (
            seat.life
            for seat in self.deployment.seats.values()
            if seat.life.process.lines and _process(seat) == process
        )
        life.process.process.kill()

    async def wait_workers(self) -> None:
        """Waits until each worker lives and has its share of the shards."""
        for name in ("first", "second"):
            await until(partial(_lives, self.deployment.seats[name]))
            await self.deployment.seats[name].life.process.wait_line(
                "leases.changed", lambda line: 0 < line["held"] < SHARDS
            )

    async def attempts_of(self, turns: Iterable[TurnRef]) -> Counter[str]:
        """Statuses of all attempts of these turns, whose logs are checked: nothing ended twice, no attempt was begun twice."""
        statuses: Counter[str] = Counter()
        for ref in turns:
            events = [event for _, event in await self.conversations.events(ref.conversation)]
            claims = [(one.task, one.attempt) for one in events if isinstance(one, TaskClaimed)]
            ends = [(one.task, one.attempt) for one in events if isinstance(one, ExecutionEnded)]
            assert len(set(claims)) == len(claims)
            assert sorted(set(ends)) == sorted(ends) == sorted(claims)
            assert sum(isinstance(one, TurnMoved) and one.trigger in _ENDING for one in events) == 1
            statuses.update(one.status.value for one in events if isinstance(one, ExecutionEnded))
        return statuses

    async def audit(self) -> dict[str, Any]:
        """What `mix2api conversations audit` prints."""
        out = io.StringIO()
        settings = load_settings(dict(self.settings), None)
        await ConversationsCommand.over(self.store, settings, out, SystemClock()).audit()
        report: dict[str, Any] = msgspec.json.decode(out.getvalue())
        return report


def _process(seat: Seat) -> str:
    return next(line["process"] for line in seat.life.process.lines if line["event"] == "process.started")


async def _lives(seat: Seat) -> bool:
    return seat.life.died_at is None and seat.life.process.process.poll() is None


@asynccontextmanager
async def conversing(redis: RedisServer, limit_s: float, **settings: str) -> AsyncIterator[Conversing]:
    """Runs everything; at the end all processes are killed."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(limit_s):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            environ = {**defaults(demo.url, redis.url), **PLANNED, **settings}
            options = StoreOptions(url=redis.url, secret=SECRET.encode(), shards=SHARDS, role="tests")
            async with deployed(redis, environ, COMMANDS) as deployment, open_store(options) as store:
                port = deployment.seats["edge"].life.port
                assert port is not None
                found = Conversing(
                    deployment=deployment,
                    caller=Caller(WireClient(port)),
                    store=store,
                    conversations=store.conversations(SHARDS, 0),
                    settings=environ,
                )
                await found.wait_workers()
                yield found
        nursery.cancel_scope.cancel()
