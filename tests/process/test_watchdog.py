"""A loop that does not turn: its place is told, its leases are given up, and it takes them again when it turns."""

from collections.abc import Callable, Generator
from typing import Any

from redis_server import RedisServer
from whole_system import SHARDS, Shape, WholeSystem, until, whole_system

from mix2api.steps import at_once

_LEASES = [f"mix2api:{{s{number:02x}}}:lease" for number in range(SHARDS)]


def hold(until_seen: Callable[[], bool]) -> Generator[None, None, None]:
    """Holds the loop, inside a function of the package, until another thread's work is seen."""
    while not until_seen():
        yield


def held_leases(redis: RedisServer) -> list[Any]:
    return [token for key in _LEASES if (token := redis.command("GET", key)) is not None]


async def all_held(redis: RedisServer) -> None:
    async def held() -> bool:
        return len(held_leases(redis)) == SHARDS

    await until(held)


def told_of(system: WholeSystem) -> list[dict[str, Any]]:
    """The lines of this test's own hold: a busy machine may hold the loop elsewhere."""
    return [line for line in system.log_lines("loop.held") if line["at"].startswith("mix2api/steps.py:")]


async def test_a_held_loop_is_told_of_with_its_place(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, MIX2API_LEASE_S="60") as system:
        await all_held(redis_server)
        at_once(hold(lambda: bool(told_of(system))))
        (held,) = told_of(system)
        assert held["ms"] > 250

        async def turned() -> bool:
            return any(line["ms"] >= held["ms"] for line in system.log_lines("loop.turned"))

        await until(turned)
        assert len(held_leases(redis_server)) == SHARDS, "a short hold costs no lease"


async def test_the_leases_of_a_held_loop_are_given_up_and_taken_again(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, MIX2API_LEASE_S="2") as system:
        await all_held(redis_server)
        tokens = held_leases(redis_server)
        heart = f"mix2api:process:{system.worker.started.process}"  # type: ignore[union-attr]
        for key in (*_LEASES, heart):
            redis_server.command("PERSIST", key)  # what goes now was given up, and did not run out
        at_once(hold(lambda: not held_leases(redis_server)))
        assert 0 < redis_server.command("PTTL", heart) <= 4000, "its runs are nobody else's"
        await all_held(redis_server)
        assert not set(tokens) & set(held_leases(redis_server)), "each was taken anew"

        async def told() -> bool:
            changes = [(line["lost"], line["gained"]) for line in system.log_lines("leases.changed")]
            return changes[-2:] == [(SHARDS, 0), (0, SHARDS)]

        await until(told)
        assert (await system.client.ask("hello")).status == 200
        await system.check_log(runs=1)


async def test_a_stream_goes_on_after_the_hold(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, MIX2API_LEASE_S="2") as system:
        await all_held(redis_server)
        async with system.client.asking("[[chunks:40]] [[pace:20]]", stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: body.count(b"data: ") > 3)
            for key in _LEASES:
                redis_server.command("PERSIST", key)
            at_once(hold(lambda: not held_leases(redis_server)))
            answer = await asked.rest(head)
        assert answer.finish_reason() == "stop"
        await system.check_log(runs=1)
