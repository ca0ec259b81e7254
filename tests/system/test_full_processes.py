"""A process whose slots are taken: the slots of the whole deployment serve its clients, whichever process they ask."""

from collections.abc import Sequence
from functools import partial

import trio
from redis_server import RedisServer
from several_processes import client_of, several_processes
from whole_system import RunningProcess, until
from wire_client import Answer, WireClient

from mix2api.process.parts import Role

_SLOTS = 4
_HANGING = "[[hang]]"


def field_of(redis: RedisServer, process: RunningProcess, name: str) -> int:
    """A number of a process's heartbeat; -1 if it is not there."""
    assert process.started is not None
    told = redis.command("HGET", f"mix2api:process:{process.started.process}", name)
    return int(told) if isinstance(told, bytes) else -1


async def know_each_other(redis: RedisServer, *processes: RunningProcess) -> None:
    """Waits until each process has heard what the others have to say now."""

    async def told() -> bool:
        workers = [process for process in processes if process.role is not Role.EDGE]
        return all(field_of(redis, process, "room") >= 0 for process in workers)

    await until(told)
    before = [field_of(redis, process, "beat") for process in processes]

    async def heard() -> bool:
        beats = [field_of(redis, process, "beat") for process in processes]
        return all(now >= then + 2 for now, then in zip(beats, before, strict=True))

    await until(heard)


async def keep(client: WireClient, prompt: str, answers: list[Answer]) -> None:
    answers.append(await client.ask(prompt, stream=True))


async def test_a_full_process_hands_fresh_turns_to_one_that_has_room(redis_server: RedisServer) -> None:
    async with several_processes(redis_server, MIX2API_MAX_CONCURRENCY=str(_SLOTS)) as processes:
        asked, other = await processes.start(), await processes.start()
        await know_each_other(redis_server, asked, other)
        answers: list[Answer] = []
        async with trio.open_nursery() as nursery:
            for _ in range(2 * _SLOTS):
                nursery.start_soon(keep, client_of(asked), _HANGING, answers)
            stats = processes.demo.stats
            await stats.wait_until(lambda stats: stats.open_streams == 2 * _SLOTS)
            nursery.start_soon(keep, client_of(asked), "hello", answers)
            await until(partial(so_many_wait, redis_server, 1, asked, other))
            assert stats.requests == 2 * _SLOTS
            nursery.cancel_scope.cancel()
        assert answers == []


async def so_many_wait(redis: RedisServer, turns: int, *processes: RunningProcess) -> bool:
    """Whether so many turns wait for a slot, at whichever process."""
    await trio.lowlevel.checkpoint()
    return sum(field_of(redis, process, "queued") for process in processes) == turns


async def test_a_free_slot_goes_to_the_caller_with_the_fewest_in_the_whole_deployment(
    redis_server: RedisServer,
) -> None:
    async with several_processes(redis_server, MIX2API_MAX_CONCURRENCY=str(_SLOTS)) as processes:
        there, here = await processes.start(), await processes.start()
        await know_each_other(redis_server, there, here)
        answered: list[str] = []
        async with trio.open_nursery() as nursery:
            stats = processes.demo.stats
            leaving = trio.CancelScope()
            for process, caller, turns in ((there, "greedy", _SLOTS), (here, "modest", _SLOTS - 1)):
                for _ in range(turns):
                    nursery.start_soon(keep, client_of(process, caller), _HANGING, [])
            nursery.start_soon(leave_with, leaving, client_of(here, "greedy"))
            await stats.wait_until(lambda stats: stats.open_streams == 2 * _SLOTS)
            await know_each_other(redis_server, there, here)  # else a turn is sent to where room was
            async with trio.open_nursery() as asking:
                for number, caller in enumerate(("greedy", "modest"), 1):
                    asking.start_soon(note, answered, caller, client_of(here, caller))
                    await until(partial(so_many_wait, redis_server, number, here))
                await know_each_other(redis_server, there, here)
                leaving.cancel()
            nursery.cancel_scope.cancel()
        assert answered == ["modest", "greedy"], "it holds fewer slots, though all of those are here"


async def test_a_turn_waits_where_its_caller_gets_a_slot_sooner_and_where_a_queue_has_room(
    redis_server: RedisServer,
) -> None:
    settings = {"MIX2API_MAX_CONCURRENCY": str(_SLOTS), "MIX2API_QUEUE_MAX": "2"}
    async with several_processes(redis_server, **settings) as processes:
        there, here = await processes.start(), await processes.start()
        await know_each_other(redis_server, there, here)
        async with trio.open_nursery() as nursery:
            stats, leaving = processes.demo.stats, trio.CancelScope()
            for process, turns in ((there, _SLOTS - 1), (here, _SLOTS)):
                for _ in range(turns):
                    nursery.start_soon(keep, client_of(process, "greedy"), _HANGING, [])
            nursery.start_soon(leave_with, leaving, client_of(there, "greedy"))
            await stats.wait_until(lambda stats: stats.open_streams == 2 * _SLOTS)
            await know_each_other(redis_server, there, here)
            refused: list[Answer] = []
            for number, waits_at in ((1, here), (2, here), (1, there)):  # the third one finds the queue full
                nursery.start_soon(keep, client_of(here, "greedy"), _HANGING, refused)
                await until(partial(so_many_wait, redis_server, number, waits_at))
            await know_each_other(redis_server, there, here)
            answered: list[str] = []
            nursery.start_soon(note, answered, "modest", client_of(here, "modest"))
            await until(partial(so_many_came, refused, 1))
            assert [answer.error()["code"] for answer in refused] == ["overloaded"], (
                "greedy has waited with three"
            )
            nursery.start_soon(note, answered, "modest", client_of(here, "modest"))
            await until(partial(so_many_wait, redis_server, 2, there))
            leaving.cancel()
            await until(partial(so_many_came, answered, 1))
            nursery.cancel_scope.cancel()


async def so_many_came(answers: Sequence[object], count: int) -> bool:
    await trio.lowlevel.checkpoint()
    return len(answers) == count


async def leave_with(scope: trio.CancelScope, client: WireClient) -> None:
    with scope:
        await client.ask(_HANGING, stream=True)


async def note(answered: list[str], caller: str, client: WireClient) -> None:
    await client.ask("hello", stream=True)
    answered.append(caller)


async def test_an_edge_fills_the_slots_of_all_workers(redis_server: RedisServer) -> None:
    async with several_processes(redis_server, MIX2API_MAX_CONCURRENCY=str(_SLOTS)) as processes:
        workers = [await processes.start(Role.WORKER) for _ in range(2)]
        edge = await processes.start(Role.EDGE)
        await know_each_other(redis_server, edge, *workers)
        async with trio.open_nursery() as nursery:
            for _ in range(2 * _SLOTS):
                nursery.start_soon(keep, client_of(edge), _HANGING, [])
            await processes.demo.stats.wait_until(lambda stats: stats.open_streams == 2 * _SLOTS)
            nursery.cancel_scope.cancel()
