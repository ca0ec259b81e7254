"""TLS in front of the nodes of a Redis Cluster: the servers that packages ship are built without it.

Each node gets a listener that ends TLS and passes on what it hears. Nodes announce the listeners' ports, so a client that was
told the table of slots finds no node without TLS.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from cluster_servers import ClusterNode, RedisCluster, until

_PIECE = 65536
_LIMIT_S = 20
"""Nodes tell each other within a second."""


@asynccontextmanager
async def tls_fronts(servers: RedisCluster, context: ssl.SSLContext) -> AsyncIterator[list[int]]:
    """The listeners' ports, in the order of the nodes. Afterwards the nodes announce their own again."""
    async with trio.open_nursery() as nursery:
        ports = []
        for node in servers.nodes:
            listeners = await nursery.start(
                partial(trio.serve_ssl_over_tcp, partial(_passed_on, node), 0, context, host="127.0.0.1")
            )
            ports.append(listeners[0].transport_listener.socket.getsockname()[1])
        try:
            await _announced(servers, ports)
            yield ports
        finally:
            with trio.CancelScope(shield=True):
                await _announced(servers, [node.port for node in servers.nodes])
        nursery.cancel_scope.cancel()


async def _announced(servers: RedisCluster, ports: list[int]) -> None:
    """Has the nodes announce these ports, and waits until each has heard it of all."""
    for node, port in zip(servers.nodes, ports, strict=True):
        node.command("CONFIG", "SET", "cluster-announce-port", port)
        if port not in _told_by(node):
            pytest.skip("before Redis 7, a node tells another port only from its start")
    with trio.fail_after(_LIMIT_S):
        await until(lambda: all(_told_by(node) == set(ports) for node in servers.nodes))


def _told_by(node: ClusterNode) -> set[int]:
    ranges = node.command("CLUSTER", "SLOTS")
    assert isinstance(ranges, list)
    return {master[1] for _, _, master, *_ in ranges}


async def _passed_on(node: ClusterNode, client: trio.SSLStream[trio.SocketStream]) -> None:
    try:
        async with (
            await trio.open_unix_socket(node.server.socket_path) as server,
            trio.open_nursery() as both,
        ):
            both.start_soon(_copied, client, server, both.cancel_scope)
            both.start_soon(_copied, server, client, both.cancel_scope)
    except* (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
        pass  # one of the two has gone
    finally:
        await trio.aclose_forcefully(client)


async def _copied(source: trio.abc.Stream, target: trio.abc.Stream, both: trio.CancelScope) -> None:
    while data := await source.receive_some(_PIECE):
        await target.send_all(data)
    both.cancel()
