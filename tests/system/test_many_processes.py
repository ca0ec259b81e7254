"""Processes that come and go under load: no request is refused, no stream is cut, every session goes on."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio
from redis_server import RedisServer
from several_processes import Processes, client_of, several_processes
from whole_system import RunningProcess, until
from wire_client import WireClient

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
