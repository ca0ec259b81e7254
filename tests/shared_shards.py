"""Real processes that each own their share of the shards."""

from real_process import RealProcess
from redis_server import RedisServer
from whole_system import SHARDS, until

from mix2api.steps import at_once
from mix2api.store.rendezvous import Rendezvous, Taker
from mix2api.vocabulary import ProcessId

_WEIGHT = 100
"""As `MIX2API_WEIGHT` ships."""


async def share_shards(redis: RedisServer, *processes: RealProcess) -> None:
    """Waits until every process that is there has its share of the shards, and knows."""
    ids = [ProcessId((await process.wait_line("process.started"))["process"]) for process in processes]
    wanted = at_once(Rendezvous(SHARDS).owners([Taker(process, _WEIGHT) for process in ids]))

    async def shared() -> bool:
        keys = [f"mix2api:{{s{number:02x}}}:lease" for number in range(SHARDS)]
        tokens = [redis.command("GET", key) for key in keys]
        owners = [None if token is None else token.decode().partition(":")[0] for token in tokens]
        return owners == list(wanted)

    await until(shared)
    for process, known in zip(processes, ids, strict=True):
        if known in wanted:
            await process.wait_line(
                "leases.changed", lambda line, own=known: line["held"] == wanted.count(own)
            )
