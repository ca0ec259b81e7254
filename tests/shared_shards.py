"""Real processes that each own some of the shards: left alone, who comes first takes all."""

from real_process import RealProcess
from redis_server import RedisServer
from whole_system import SHARDS, until


async def share_shards(redis: RedisServer, *processes: RealProcess) -> None:
    """Gives every process as many shards as the others, and waits until it knows: the first gets the first ones, and so on.

    Leases that the wrong one holds are deleted until the right one was faster.
    """
    each = SHARDS // len(processes)
    ids = [(await process.wait_line("process.started"))["process"] for process in processes]
    wanted = [ids[number // each] for number in range(SHARDS)]

    async def shared() -> bool:
        keys = [f"mix2api:{{s{number:02x}}}:lease" for number in range(SHARDS)]
        tokens = [redis.command("GET", key) for key in keys]
        owners = [None if token is None else token.decode().partition(":")[0] for token in tokens]
        for key, owner, right in zip(keys, owners, wanted, strict=True):
            if owner not in {None, right}:
                redis.command("DEL", key)
        return owners == wanted

    await until(shared)
    for process in processes:
        await process.wait_line("leases.changed", lambda line: line["held"] == each)
