"""The census of running processes, while they have something to do."""

import pytest
from redis_server import RedisServer
from whole_system import SHARDS, Shape, until, whole_system

_PARTS = {Shape.SERVE: {"serve": (1, 1)}, Shape.APART: {"edge": (1, 0), "worker": (0, 1)}}
"""Streams and runs of each role while one answer is under way."""


@pytest.mark.parametrize("shape", Shape)
async def test_each_process_tells_of_its_streams_and_runs(shape: Shape, redis_server: RedisServer) -> None:
    async with (
        whole_system(shape, redis_server.url) as system,
        system.client.asking("[[chunks:1]] [[hang]]", stream=True) as asked,
    ):
        await asked.head()

        async def told() -> bool:
            counted = await system.store.census.take()
            loads = {process.role: (process.streams, process.runs) for process in counted.processes}
            return loads == _PARTS[shape]

        await until(told)
        counted = await system.store.census.take()
        assert counted.unowned == ()
        assert sum(process.shards for process in counted.processes) == SHARDS
        assert not any(process.is_late for process in counted.processes)
