"""A proxy before Redis that can lose one reply: the command is run, its answer never arrives, the connection breaks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from attrs import define, field


@define(eq=False)
class LossyProxy:
    """Listens on a unix socket before the server at `target`."""

    path: Path
    target: str
    lose: int | None = None
    """How many pieces of replies still pass, over all connections, until one is lost; None loses none."""
    lost: int = 0
    passed: int = 0
    held: trio.Event | None = None
    """While set to an event, requests wait for it."""
    requests: trio.Event = field(factory=trio.Event)

    async def _serve(self, client: trio.SocketStream) -> None:
        async with client, await trio.open_unix_socket(self.target) as server, trio.open_nursery() as nursery:
            nursery.start_soon(self._forward, client, server, nursery.cancel_scope)
            await self._answer(server, client)
            nursery.cancel_scope.cancel()

    async def _forward(
        self, client: trio.SocketStream, server: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        async for data in client:
            self.requests.set()
            if self.held is not None:
                await self.held.wait()
            await server.send_all(data)
        scope.cancel()

    async def _answer(self, server: trio.SocketStream, client: trio.SocketStream) -> None:
        async for data in server:
            if self.lose == 0:
                self.lose = None
                self.lost += 1
                return
            if self.lose is not None:
                self.lose -= 1
            self.passed += 1
            await client.send_all(data)


@asynccontextmanager
async def lossy_proxy(path: Path, target: str) -> AsyncIterator[LossyProxy]:
    """A proxy at `path` for as long as the block lasts."""
    proxy = LossyProxy(path, target)
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(path))
    listening.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, proxy._serve, [trio.SocketListener(listening)])
        yield proxy
        nursery.cancel_scope.cancel()
