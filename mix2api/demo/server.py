"""Listens, and serves connection after connection until cancelled."""

from collections import deque
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final

import h11
import trio
from attrs import field, frozen

from mix2api.demo import routes
from mix2api.demo.connection import BodyTooLarge, Connection, Incoming
from mix2api.demo.contexts import SiteSession
from mix2api.demo.options import DemoKind, DemoOptions
from mix2api.demo.runtime import Runtime
from mix2api.demo.site import Received, Site
from mix2api.demo.stats import Stats
from mix2api.demo.whole import error_body

_BACKLOG: Final = 4096
"""Thousands of streams are opened at once by load tests; the kernel's default of 128 would drop some."""


@frozen
class Demo:
    """A running demo site; `serve_demo` reports it to the nursery that started it."""

    host: str
    port: int
    site: Site = field(repr=False)

    @property
    def url(self) -> str:
        """The value for `UPSTREAM_API_BASE`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def runtime(self) -> Runtime:
        """The state of a site of the kind `opencode`.

        Raises:
            LookupError: it is of another kind.
        """
        if self.site.runtime is None:
            raise LookupError("the site is no runtime")
        return self.site.runtime

    @property
    def stats(self) -> Stats:
        """Counts; `await demo.stats.wait_until(…)` waits for one."""
        return self.site.stats

    @property
    def sessions(self) -> dict[str, SiteSession]:
        """The site's sessions by id, the one unused for longest first."""
        return self.site.sessions

    @property
    def received(self) -> deque[Received]:
        """The last 64 chat requests, oldest first."""
        return self.site.received


async def serve_demo(
    options: DemoOptions, *, task_status: trio.TaskStatus[Demo] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serves a demo site until cancelled; `nursery.start(serve_demo, options)` gives its `Demo`.

    Raises:
        OSError: the address cannot be listened on.
    """
    site = Site(options)
    listeners = await trio.open_tcp_listeners(options.port, host=options.host, backlog=_BACKLOG)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        if options.kind is DemoKind.OPENCODE:
            site.runtime = Runtime(options, nursery.start_soon)
        await nursery.start(trio.serve_listeners, partial(serve_connection, site), listeners)
        task_status.started(Demo(options.host, port, site))


async def main(options: DemoOptions) -> None:
    """The program `mix2api demo-upstream`: serves until cancelled."""
    await serve_demo(options)


async def serve_connection(site: Site, stream: trio.SocketStream) -> None:
    """One connection from its first request to its end; `serve_listeners` closes the stream."""
    site.stats.connections += 1
    connection = Connection(stream)
    # A client that disconnects ends its connection; this is no fault.
    with suppress(trio.BrokenResourceError):
        while (incoming := await _read(connection)) is not None:
            await routes.answer(incoming, connection, site)
            if not connection.reusable:
                return


async def _read(connection: Connection) -> Incoming | None:
    """The next request; None at the end of the connection, one that had to be refused among them."""
    try:
        return await connection.next_request()
    except h11.RemoteProtocolError as fault:
        status, why = fault.error_status_hint, str(fault)
    except BodyTooLarge:
        status, why = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large"
    await connection.send_body(status, error_body(why), headers=(("connection", "close"),))
    return None
