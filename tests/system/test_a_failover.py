"""The master of the store dies: three Sentinels make its replica the master, and nothing has to be restarted."""

from pathlib import Path

from redis_server import RedisServer
from sentinel_servers import SERVICE, replicated
from whole_system import Shape, WholeSystem, until, whole_system

_DOWN_MS = 500
_FAILOVER_MS = 5000
_STREAM = "[[chunks:150]] [[pace:30]]"
"""Longer than the Sentinels need."""


async def test_a_stream_outlasts_a_failover_and_the_next_request_is_served(tmp_path: Path) -> None:
    with replicated(tmp_path, sentinels=3) as servers:
        for sentinel in servers.sentinels:
            sentinel.watch(servers.master_port)
            for name, value in (("down-after-milliseconds", _DOWN_MS), ("failover-timeout", _FAILOVER_MS)):
                sentinel.command("SENTINEL", "SET", SERVICE, name, value)

        async def ready() -> bool:
            return all(
                knows(sentinel.command("SENTINEL", "CKQUORUM", SERVICE)) for sentinel in servers.sentinels
            )

        async with whole_system(Shape.SERVE, servers.url()) as system:
            await until(ready)
            async with system.client.asking(_STREAM, stream=True, headers={"x-request-id": "over"}) as asked:
                head = await asked.head()
                await asked.read_until(lambda body: b"-00003" in body)
                await until(lambda: replicated_to(servers.master))
                servers.master.kill()
                refused = await system.client.ask("hello")
                assert (refused.status, refused.error()["code"]) == (503, "store_unavailable")
                answer = await asked.rest(head)
            assert answer.finish_reason() == "stop"
            await until(lambda: served(system))
            assert b"role:master" in bytes(servers.replica.command("INFO", "replication"))  # type: ignore[arg-type]
            await system.check_log(runs=2)


def knows(reply: object) -> bool:
    """Whether a Sentinel knows enough others for a failover."""
    return isinstance(reply, bytes) and reply.startswith(b"OK")


async def replicated_to(master: RedisServer) -> bool:
    """Whether the replica has all that the master has."""
    return master.command("WAIT", 1, 100) == 1


async def served(system: WholeSystem) -> bool:
    return (await system.client.ask("hello", stream=True)).status == 200
