"""A real Redis Cluster of three masters on loopback."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import trio
from attrs import frozen
from redis_server import RedisServer

from mix2api.store.redis.routing import SLOTS, slot_of

_BUS: Final = 10_000
"""A node's second port is so much above its first."""
_NODE_TIMEOUT_MS: Final = 3000
"""A busy machine is no failure."""


def port_for_a_node() -> int:
    """A port that is free together with its bus port."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            port = port if port + _BUS < 1 << 16 else port - _BUS - 1000
            try:
                second.bind(("127.0.0.1", port + _BUS))
            except OSError:
                continue
            return port


@frozen
class ClusterNode:
    """One master, or a replica of one."""

    server: RedisServer
    port: int

    def command(self, *words: str | int) -> object:
        """Runs one command here; error replies come back as exceptions."""
        return self.server.command(*words)

    @property
    def id(self) -> str:
        """As the cluster calls it."""
        return text(self.command("CLUSTER", "MYID"))


@frozen
class RedisCluster:
    """Three masters."""

    nodes: list[ClusterNode]

    def url(self, before: str = "", nodes: int | None = None) -> str:
        """What REDIS_URL would be.

        Args:
            before: `user:password@`.
            nodes: how many are named.
        """
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:nodes])
        return f"redis+cluster://{before}{hosts}"

    def master_of(self, key: str) -> ClusterNode:
        """Who has a key, as the nodes were made."""
        return self.nodes[min(slot_of(key) * len(self.nodes) // SLOTS, len(self.nodes) - 1)]

    def flush(self) -> None:
        """Empties all nodes."""
        for node in self.nodes:
            node.command("FLUSHALL")


@contextmanager
def cluster(directory: Path, masters: int = 3, arguments: Sequence[str] = ()) -> Iterator[RedisCluster]:
    """So many masters that know each other, each with an equal share of the slots."""
    with ExitStack() as stack:
        nodes = [started(directory / f"n{number}", stack, arguments) for number in range(masters)]
        ends = [SLOTS * number // masters for number in range(masters + 1)]
        for number, (node, (first, beyond)) in enumerate(zip(nodes, pairwise(ends), strict=True), 1):
            node.command("CLUSTER", "SET-CONFIG-EPOCH", number)
            node.command("CLUSTER", "ADDSLOTS", *range(first, beyond))
        for node in nodes[1:]:
            nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port)
        wait_formed(nodes)
        for node in nodes:
            node.command("CONFIG", "SET", "cluster-require-full-coverage", "no")
        yield RedisCluster(nodes)


def started(directory: Path, stack: ExitStack, arguments: Sequence[str] = ()) -> ClusterNode:
    """A node that knows no other."""
    directory.mkdir()
    port = port_for_a_node()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes")
    options += ("--cluster-node-timeout", str(_NODE_TIMEOUT_MS))
    server = RedisServer(directory, arguments=(*options, *arguments))
    server.start()
    stack.callback(server.stop)
    return ClusterNode(server, port)


def wait_formed(nodes: Sequence[ClusterNode]) -> None:
    """Returns once every node knows a master for each slot."""
    for node in nodes:
        node.server.wait_for_line(b"Cluster state changed: ok")


def text(reply: object) -> str:
    """A reply's words."""
    assert isinstance(reply, bytes), reply
    return reply.decode()


async def until(holds: Callable[[], bool]) -> None:
    """Returns once it holds; the test's own deadline bounds it. For what a server has to do first."""
    while not holds():  # noqa: ASYNC110 - nobody is told of it
        await trio.sleep(0.01)
