"""Fixtures for all tests."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from actor_parts import let_time_jump
from cluster_servers import RedisCluster, cluster
from hypothesis import settings
from redis_server import RedisServer

# The same examples in every run, and no clock: a busy machine is no failure. Half of hypothesis' own 100 examples reach every
# line of the core; `make properties` tries many more.
settings.register_profile("mix2api", deadline=None, derandomize=True, max_examples=50)
settings.register_profile(
    "many", deadline=None, derandomize=True, max_examples=int(os.environ.get("PROPERTY_EXAMPLES", "1000"))
)
settings.load_profile("mix2api")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the files whose tests run on a clock that jumps, and whose folder does not do so as a whole."""
    for file in ("test_store_watch.py", "execution/test_stalling.py"):
        let_time_jump(items, Path(__file__).parent / file)


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One redis-server for the whole run, the binary that PATH has first."""
    server = RedisServer(_short_directory(tmp_path_factory))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """The run's redis-server, emptied. A test that pauses or kills servers starts its own."""
    redis_process.command("FLUSHALL")
    return redis_process


@pytest.fixture(scope="session")
def cluster_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """One Redis Cluster of three masters for the whole run, started when the first test asks for it."""
    with cluster(_short_directory(tmp_path_factory)) as servers:
        yield servers


@pytest.fixture
def redis_cluster(cluster_process: RedisCluster) -> Iterator[RedisCluster]:
    """The run's Redis Cluster, emptied. Afterwards every master goes on, should a test have paused it."""
    cluster_process.flush()
    yield cluster_process
    for node in cluster_process.nodes:
        node.server.resume()


def _short_directory(factory: pytest.TempPathFactory) -> Path:
    """A directory whose sockets fit into the 108 bytes of a unix address."""
    return factory.mktemp("r", numbered=True)


def pytest_collection_finish() -> None:
    """Takes what was imported and collected out of the collector's sight: every collection would look at millions of objects.

    Python's default of 700 new objects has the collector look at the young ones several times in each test, and finds next to
    nothing. A process of ours has the same 10,000 (`mix2api.process.collector`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
