"""A real process that is killed while it runs a task of a plan: another process ends the turn. `make conversations` does more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from attrs import frozen
from conversation_client import OFFER, Caller
from forked_process import forked_process
from real_process import RealProcess
from redis_server import RedisServer
from whole_system import SECRET, SHARDS, defaults, until
from wire_client import WireClient

from mix2api.conversations.ids import TurnRef, read_ref
from mix2api.conversations.state import Turn
from mix2api.conversations.states import ExecutionStatus, TaskStage, TurnStage
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.store.conversations import Conversations
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions

_LIMIT_S = 60


@frozen
class Watched:
    """A turn with one task, as the store has it."""

    conversations: Conversations
    ref: TurnRef

    async def turn(self) -> Turn:
        return (await self.conversations.look(self.ref.conversation, [self.ref.number])).turns[
            self.ref.number
        ]

    async def is_running(self) -> bool:
        plan = (await self.turn()).plan
        return plan is not None and plan.tasks[0].stage is TaskStage.RUNNING

    async def has_ended(self) -> bool:
        return (await self.turn()).has_ended


@asynccontextmanager
async def demo_site() -> AsyncIterator[Demo]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            yield await nursery.start(serve_demo, DemoOptions())
        nursery.cancel_scope.cancel()


async def caller_of(process: RealProcess) -> Caller:
    return Caller(WireClient(await process.wait_port()))


async def test_a_turn_whose_process_is_killed_in_a_task_is_ended_by_another_one(
    redis_server: RedisServer,
) -> None:
    options = StoreOptions(url=redis_server.url, secret=SECRET.encode(), shards=SHARDS, role="tests")
    async with demo_site() as demo, open_store(options) as store:
        settings = {**defaults(demo.url, redis_server.url), **OFFER}
        async with forked_process("serve", settings) as killed:
            caller = await caller_of(killed)
            session = await caller.session()
            said = {"message": "[[hang]] [[once:killed]]", "async": True}
            told = await caller.data("POST", f"/api/sessions/{session}/chat", said)
            ref = read_ref(told["turnId"], "turn")
            assert ref is not None
            watched = Watched(store.conversations(SHARDS, 0), ref)
            await until(watched.is_running)
            await demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            await killed.kill()
        async with forked_process("serve", settings) as heir:
            caller = await caller_of(heir)
            await until(watched.has_ended)
            messages = (await caller.data("GET", f"/api/sessions/{session}/messages"))["messages"]
        turn = await watched.turn()
        assert turn.plan is not None
        assert (turn.stage, turn.attempt) == (TurnStage.COMPLETED, 2)
        assert [(one.attempt, one.status) for one in turn.plan.tasks[0].executions] == [
            (1, ExecutionStatus.LOST),
            (2, ExecutionStatus.COMPLETED),
        ]
        assert [one["role"] for one in messages] == ["user", "assistant"]
