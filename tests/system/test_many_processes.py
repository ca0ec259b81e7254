"""Processes that come and go under load: no request is refused, no stream is cut, every session goes on."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio
from redis_server import RedisServer
from releasing import operating
from several_processes import Processes, client_of, several_processes
from whole_system import RunningProcess, until
from wire_client import WireClient

from mix2api.process.parts import Role

_PROMPT = "[[chunks:4]] [[pace:10]]"


async def converse(client: WireClient, over: trio.Event) -> None:
    """A conversation that goes on until told: every turn is answered, and all but the first continue its session."""
    messages: list[dict[str, object]] = []
    while not over.is_set():
        messages.append({"role": "user", "content": _PROMPT})
        answer = await client.ask("", messages=messages, stream=True)
        assert answer.status == 200, answer.body
        assert answer.finish_reason() == "stop", answer.body
        messages.append({"role": "assistant", "content": answer.text()})


async def under_load(
    clients: list[WireClient], work: Callable[[], Awaitable[None]], conversations: int = 3
) -> None:
    """Does the work while every client converses."""
    over = trio.Event()
    async with trio.open_nursery() as nursery:
        for client in clients:
            for _ in range(conversations):
                nursery.start_soon(converse, client, over)
        await work()
        over.set()


async def test_processes_that_join_and_leave_under_load_refuse_nothing(redis_server: RedisServer) -> None:
    async with several_processes(redis_server, MIX2API_DRAIN_TIMEOUT_S="20") as processes:
        stays = await processes.start()

        async def come_and_go() -> None:
            for _ in range(4):
                other = await processes.start()
                await until(partial(takes_part, processes, other))
                await processes.stop(other)

        await under_load([client_of(stays)], come_and_go)


async def takes_part(processes: Processes, member: RunningProcess) -> bool:
    """Whether a process has a shard by now, or its share is empty."""
    await trio.lowlevel.checkpoint()
    return processes.share_of(member) == processes.held_by(member)


async def test_a_rolling_restart_refuses_nothing(redis_server: RedisServer) -> None:
    async with several_processes(redis_server, MIX2API_DRAIN_TIMEOUT_S="20") as processes:
        stays = await processes.start()
        others = [await processes.start() for _ in range(3)]

        async def restart_all() -> None:
            for process in others:
                successor = await processes.start()
                await until(partial(takes_part, processes, successor))
                await processes.stop(process)

        await under_load([client_of(stays)], restart_all)


async def test_a_rolling_restart_of_both_channels_within_a_release_refuses_nothing(
    redis_server: RedisServer,
) -> None:
    async with (
        several_processes(redis_server, MIX2API_DRAIN_TIMEOUT_S="20") as processes,
        operating(redis_server) as operator,
    ):
        edge = await processes.start(Role.EDGE)
        stable = await processes.start(Role.WORKER)
        canary = await processes.start(Role.WORKER, MIX2API_CHANNEL="canary")
        await operator.start()
        await operator.step(3)

        async def owns(process: RunningProcess, shards: set[int]) -> bool:
            await trio.lowlevel.checkpoint()
            return processes.held_by(process) == shards

        await until(partial(owns, canary, {0, 1, 2, 3}))

        async def restart_both() -> None:
            for leaving, channel, shards in (
                (canary, "canary", {0, 1, 2, 3}),
                (stable, "stable", {4, 5, 6, 7}),
            ):
                comes = await processes.start(Role.WORKER, MIX2API_CHANNEL=channel)
                await processes.stop(leaving)
                await until(partial(owns, comes, shards))

        await under_load([client_of(edge)], restart_both)
