"""The edge of a process: it listens until the process is told to stop, and drains before it closes."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio
from attrs import evolve

from mix2api.descriptors import connections_within
from mix2api.edge.app import EdgeApp, EdgeParts, build_app
from mix2api.edge.options import EdgeOptions
from mix2api.edge.server import GRACE_S, ServerOptions, serve
from mix2api.errors import ConfigurationError
from mix2api.process.groups import edge_options
from mix2api.process.parts import Parts
from mix2api.process.plain_faults import why_of
from mix2api.process.upstream import upstream_bases
from mix2api.settings import Settings
from mix2api.supervision import supervised


async def listen(
    parts: Parts,
    stopping: trio.Event,
    drain: Callable[[], Awaitable[None]],
    *,
    task_status: trio.TaskStatus[str],
) -> None:
    """Serves until told to stop; reports its URL once it listens.

    Args:
        parts: of the process.
        stopping: set when the process is to stop. It takes requests for `MIX2API_DRAIN_READY_S` more.
        drain: is run then beside the server, which goes on with the streams that it has.
        task_status: of `nursery.start`.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    await parts.health.look()
    options = ServerOptions(
        bind=_address(parts), grace_s=float(parts.settings.working.drain_timeout_s) + GRACE_S
    )
    drained = trio.Event()
    async with trio.open_nursery() as nursery:

        async def drain_whole() -> None:
            await drain()
            drained.set()

        async def until_stopping() -> None:
            await stopping.wait()
            await _tell_not_ready(parts)
            nursery.start_soon(drain_whole)

        start_edge_tasks(parts, nursery)
        app = edge_app(parts)
        parts.streams_open = app.live.__len__
        serving = partial(serve, app, options, shutdown_trigger=until_stopping)

        async def close() -> None:
            # Runs of other processes' clients may go on when the last client of its own has left.
            await drained.wait()
            nursery.cancel_scope.cancel()

        url = await nursery.start(_closing, close, serving)
        parts.logger.info("edge.listening", url=url)
        task_status.started(url)


def start_edge_tasks(parts: Parts, nursery: trio.Nursery) -> None:
    """Starts what an edge does all the time, beside serving."""
    watch = partial(parts.health.watch, float(parts.settings.storing.lease_s))
    nursery.start_soon(supervised, "health", watch, parts.reporter.on_task_fault)
    nursery.start_soon(supervised, "relay", parts.relay.watch, parts.reporter.on_task_fault)
    nursery.start_soon(supervised, "store_watch", parts.watch.watch, parts.reporter.on_task_fault)
    if parts.mail_watch is not parts.watch:
        nursery.start_soon(supervised, "mail_watch", parts.mail_watch.watch, parts.reporter.on_task_fault)


async def _tell_not_ready(parts: Parts) -> None:
    """Lets load balancers see that they are to go elsewhere, before the listener closes and the leases are given up.

    Who is sent here meanwhile is served as ever: a refusal is what the pause is to avoid.
    """
    if parts.is_replaced:
        return
    parts.health.draining = True
    ready_s = parts.settings.working.drain_ready_s
    parts.logger.info("process.not_ready", for_s=ready_s)
    await trio.sleep(ready_s)


def edge_app(parts: Parts) -> EdgeApp:
    """What answers the requests of a process."""
    edge = EdgeParts(
        options=_options(parts),
        dispatch=parts.dispatch(),
        health=parts.health,
        observer=parts.reporter,
        continuing=parts.continuing(),
        sites=parts.sites(),
        owners=parts.store.owners(parts.settings.pool.owner_ttl_s),
        seal=parts.store.seal,
        mint=parts.mint,
        clock=parts.clock,
        bases=upstream_bases(parts.settings),
        store=parts.watch,
        aborting=parts.aborts,
        metrics=parts.meters.text,
        conversations=None if parts.conversing is None else parts.conversing.edge_parts(),
    )
    return build_app(edge if parts.observing is None else evolve(edge, observed=parts.observing.endpoint))


def _options(parts: Parts) -> EdgeOptions:
    """The edge's, with no more connections than the file descriptors are enough for."""
    options = edge_options(parts.settings, parts.store.process)
    asked = options.connections.connections
    allowed = connections_within(asked)
    if allowed < asked:
        parts.logger.warning("edge.connections_bounded", asked=asked, allowed=allowed, why="file descriptors")
    return evolve(options, connections=evolve(options.connections, connections=allowed))


def _address(parts: Parts) -> str:
    return address_of(parts.settings) if parts.supervised is None else parts.supervised.bind


def address_of(settings: Settings) -> str:
    """Where the settings say that the edge listens."""
    listening = settings.listening
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    return f"{host}:{listening.port}"


async def _closing(
    closed: Callable[[], Awaitable[None]],
    serve: Callable[..., object],
    *,
    task_status: trio.TaskStatus[str],
) -> None:
    """Serves; what else runs for the edge ends after it."""
    try:
        await serve(task_status=task_status)  # type: ignore[misc]
    except* OSError as faults:  # of binding: what connections raise stays with them
        raise ConfigurationError(
            f"MIX2API_HOST, PORT: the address cannot be listened on ({why_of(faults)}): name another"
        ) from None
    await closed()
