"""Three hundred requests at once, some of whose clients leave: every one ends, and nothing is left behind."""

import gc

import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.actors.session import SessionActor
from mix2api.demo import DemoOptions, answer_text

CROWD = 300
LEAVERS = 60


@pytest.mark.parametrize("shape", Shape)
async def test_three_hundred_requests_at_once_all_end(shape: Shape, redis_server: RedisServer) -> None:
    # No request may be refused for a wait or a lost lease, however busy the machine is that runs this.
    waits = {"MIX2API_QUEUE_TIMEOUT_MS": "120000", "MIX2API_LEASE_S": "10"}
    demo = DemoOptions(pace_ms=5)
    async with whole_system(
        shape, redis_server.url, demo=demo, limit_s=120, MIX2API_ACTOR_IDLE_S="1", **waits
    ) as system:
        wrong: list[str] = []
        async with trio.open_nursery() as nursery:
            for number in range(CROWD):
                one = leave if number < LEAVERS else stay
                nursery.start_soon(one, system, number, wrong)
        assert wrong == []
        report = await system.check_log(runs=CROWD)
        assert report["by_end_reason"] == {"stop": CROWD - LEAVERS, "client_abort": LEAVERS}
        assert len(system.log_lines()) == CROWD
        await system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
        assert system.demo.stats.cut_by_client == LEAVERS
        await nothing_is_left(redis_server)
        await until(no_actor_is_left)


async def stay(system: WholeSystem, number: int, wrong: list[str]) -> None:
    """Reads to the end, every third one as one JSON body; every byte is checked."""
    prompt = f"number {number}"
    answer = await system.client.ask(prompt, stream=number % 3 > 0)
    if answer.finish_reason() != "stop" or answer.text() != answer_text(prompt):
        wrong.append(f"{prompt}: {answer.status} {answer.body[-300:]!r}")


async def leave(system: WholeSystem, number: int, _: list[str]) -> None:
    """Hangs up after some deltas of an answer that has no end."""
    async with system.client.asking(f"number {number} [[chunks:100000]]", stream=True) as asked:
        await asked.head()
        await asked.read_until(lambda body: b"-00005" in body)


async def nothing_is_left(server: RedisServer) -> None:
    """No open entry, no command in an inbox: what is kept is logs, audit and what makes them found."""

    async def swept() -> bool:
        keys = [key.decode() for key in server.command("KEYS", "*")]  # type: ignore[attr-defined]
        opens = [key for key in keys if key.endswith(":open")]
        inboxes = [key for key in keys if key.endswith(":inbox")]
        return not opens and not any(server.command("XLEN", key) for key in inboxes)

    await until(swept)


async def no_actor_is_left() -> bool:
    """Whether the idle ones have left memory, not only the worker's list."""
    gc.collect()
    return not any(isinstance(found, SessionActor) for found in gc.get_objects())
