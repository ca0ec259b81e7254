"""A running process: edge, worker or both, put together from settings, and its orderly end.

`run_process` is the one place where the parts meet: nothing here decides anything about a request.
"""

import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import msgspec
import trio
from attrs import define, field, frozen
from hypercorn.trio import serve as hypercorn_serve
from structlog.typing import FilteringBoundLogger

from mix2api.actors.environment import Environment
from mix2api.actors.inbox import Inbox
from mix2api.actors.memory_dispatch import MemoryDispatch
from mix2api.actors.recovery import Recovery
from mix2api.actors.worker import Worker
from mix2api.cli.collector import settle_collector
from mix2api.cli.groups import (
    actor_options,
    edge_options,
    site_form,
    store_options,
)
from mix2api.cli.health import ProcessHealth
from mix2api.cli.plain_faults import plain_faults, why_of
from mix2api.cli.reporting import Reporter
from mix2api.cli.upstream import ConfiguredUpstream, configured_upstream, upstream_bases
from mix2api.clock import SystemClock
from mix2api.edge.app import EdgeParts, build_app
from mix2api.edge.continuing import Continuing
from mix2api.edge.serving import GRACE_S, server_config
from mix2api.errors import ConfigurationError, Overloaded, StoreUnavailable
from mix2api.identity import Mint, shard_of
from mix2api.logs import configure_logging
from mix2api.relay.dispatch import RelayDispatch, RelayOptions
from mix2api.relay.messages import Hangup, HeadersLeft, Mail, ReplyBatch, Retire, Retired, WakeUp, decode_mail
from mix2api.relay.outbox import Outbox
from mix2api.sessions.dispatch import Dispatch, Replies, Submission
from mix2api.sessions.resolution import Reuse
from mix2api.settings import InboundAuthMode, Settings
from mix2api.store.leases import LeaseChange, Leases
from mix2api.store.opening import Store, open_store
from mix2api.upstreams.credentials.managed import ManagedCredential
from mix2api.vocabulary import Detail, ProcessId, Retirement, RunId, SessionId, Shard


class Role(StrEnum):
    """Which halves a process runs."""

    SERVE = "serve"
    EDGE = "edge"
    WORKER = "worker"


@frozen
class Started:
    """What a running process reports."""

    url: str | None
    """Of the edge, if it has one."""
    process: str


@define(eq=False)
class _Draw:
    """Draws a shard of this process's own for a fresh session."""

    _leases: Leases
    _held: tuple[Shard, ...] = field(default=(), init=False)
    _of: frozenset[Shard] = field(default=frozenset(), init=False)

    def __call__(self) -> Shard:
        held = self._leases.held
        if held != self._of:
            self._of, self._held = held, tuple(held)
        if not self._held:
            raise Overloaded("this process owns no shard", detail=Detail.NO_OWNER)
        return Mint.draw_one(self._held)


@define(eq=False)
class _NearestDispatch:
    """Memory where this process owns the session's shard, or any for a fresh one; else through Redis to whoever does."""

    _memory: MemoryDispatch
    _relay: RelayDispatch
    _leases: Leases

    async def submit(self, submission: Submission) -> Replies:
        if self._is_ours(submission.session_id):
            return await self._memory.submit(submission)
        return await self._relay.submit(submission)

    def _is_ours(self, session_id: SessionId | None) -> bool:
        if session_id is None:
            return bool(self._leases.held)
        return self._leases.token(shard_of(session_id)) is not None


@define(eq=False, kw_only=True)
class _Process:
    """The parts of one process."""

    settings: Settings
    role: Role
    store: Store
    mint: Mint
    clock: SystemClock
    reporter: Reporter
    logger: FilteringBoundLogger
    outbox: Outbox
    relay: RelayDispatch
    health: ProcessHealth
    worker: Worker | None = None
    environment: Environment | None = None
    inbox: Inbox | None = None
    recovery: Recovery | None = None
    credential: ManagedCredential | None = None

    def continuing(self) -> Continuing:
        store, settings = self.store, self.settings
        draw = _Draw(store.leases)

        def draw_shard() -> Shard:
            return draw() if store.leases.held else Mint.draw_shard(settings.storing.shards)

        return Continuing(
            store.sessions,
            store.seal,
            self.mint,
            Reuse(settings.sessions.reuse.value),
            store.seal.digest(site_form(settings), "site"),
            draw_shard,
            self.reporter.on_schema_fallback,
        )

    def retire(self, session_id: SessionId, asked_by: ProcessId) -> None:
        """Has a session retired, and who asked for it told."""

        def told(retirement: Retirement) -> None:
            self.outbox.put(asked_by, Retired(session_id, retirement))

        if self.worker is None:
            told(Retirement.NOT_OWNER)
        else:
            self.worker.retire(session_id, told)

    def dispatch(self) -> Dispatch:
        if self.worker is None or self.environment is None:
            return self.relay
        memory = MemoryDispatch(self.worker, self.environment)
        return _NearestDispatch(memory, self.relay, self.store.leases)


async def run_process(
    settings: Settings,
    role: Role,
    *,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Runs a process until it is told to stop, by signal or by `stop`; then drains it.

    Raises:
        ConfigurationError: one line for each thing that is wrong.
    """
    logger = configure_logging(
        settings.logging.format,
        settings.logging.level,
        sys.stderr,
        {"role": role.value, "channel": settings.release.channel.value},
    )
    stopping = trio.Event() if stop is None else stop
    with plain_faults():
        async with (
            open_store(store_options(settings, role.value)) as store,
            _parts(settings, role, store, logger) as parts,
        ):
            await store.heartbeat.beat()
            await _run_parts(parts, stopping, task_status)


async def _run_parts(parts: _Process, stopping: trio.Event, task_status: trio.TaskStatus[Started]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_on_signals, stopping)
        nursery.start_soon(parts.store.heartbeat.keep)
        nursery.start_soon(parts.outbox.run)
        nursery.start_soon(_read_mail, parts)
        if parts.credential is not None:
            nursery.start_soon(parts.credential.keep)
        if parts.worker is not None:
            await _start_worker(parts, nursery)
        settle_collector()
        await _serve(parts, stopping, task_status)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _parts(
    settings: Settings, role: Role, store: Store, logger: FilteringBoundLogger
) -> AsyncIterator[_Process]:
    clock = SystemClock()
    mint = Mint(store.seal, clock)
    outbox = Outbox(store.post)
    site = urlsplit(settings.site.api_base or "").netloc.rpartition("@")[2] or None
    reporter = Reporter(logger, settings.release.channel, site)
    relay = RelayDispatch(
        RelayOptions(
            process=store.process,
            period_s=float(settings.storing.lease_s),
            queue_timeout_s=settings.working.queue_timeout_ms / 1000,
        ),
        store.post,
        outbox,
        store.log,
        store.heartbeat.alive,
        mint,
        clock,
        settings.storing.shards,
    )
    parts = _Process(
        settings=settings,
        role=role,
        store=store,
        mint=mint,
        clock=clock,
        reporter=reporter,
        logger=logger,
        outbox=outbox,
        relay=relay,
        health=ProcessHealth(store, _warnings(settings)),
    )
    for warning in (*settings.warnings, *_warnings(settings)):
        logger.warning("settings.warning", why=warning)
    if role is Role.EDGE:
        yield parts
        return
    with configured_upstream(settings, store.vault, store.seal, clock, reporter.on_login) as configured:
        _add_worker(parts, configured)
        yield parts


def _warnings(settings: Settings) -> tuple[str, ...]:
    auth = settings.inbound_auth
    if auth.mode is InboundAuthMode.BEARER and not auth.bearer_token:
        return ("INBOUND_BEARER_TOKEN is empty: any bearer token is accepted",)
    if auth.mode is InboundAuthMode.NONE:
        return ("INBOUND_AUTH_MODE is none: everybody is served",)
    return ()


def _add_worker(parts: _Process, configured: ConfiguredUpstream) -> None:
    store, settings = parts.store, parts.settings
    environment = Environment(
        process=store.process,
        channel=settings.release.channel,
        log=store.log,
        upstream=configured.upstream,
        clock=parts.clock,
        seal=store.seal,
        options=actor_options(settings),
        model_names=frozenset(settings.listening.models),
        mint=parts.mint,
        on_completed=parts.reporter.on_completed,
        on_schema_fallback=parts.reporter.on_schema_fallback,
        on_fault=parts.reporter.on_actor_fault,
    )
    lease_s = float(settings.storing.lease_s)
    parts.environment = environment
    parts.credential = configured.credential
    parts.worker = Worker(environment, parts.mint, _Draw(store.leases))
    parts.inbox = Inbox(environment, parts.worker, store.post, parts.outbox, store.heartbeat.alive, lease_s)
    parts.recovery = Recovery(environment, store.log, store.heartbeat.alive, lease_s)


async def _start_worker(parts: _Process, nursery: trio.Nursery) -> None:
    worker, inbox, recovery = parts.worker, parts.inbox, parts.recovery
    if worker is None or inbox is None or recovery is None:
        return
    leases = parts.store.leases

    def on_change(change: LeaseChange) -> None:
        parts.logger.info(
            "leases.changed", gained=len(change.gained), lost=len(change.lost), held=len(leases.held)
        )
        for shard in change.lost:
            inbox.lost(shard)
        for shard in change.gained:
            inbox.wake(shard)

    on_change(await leases.acquire())
    await nursery.start(worker.live)
    nursery.start_soon(inbox.run)
    nursery.start_soon(leases.keep, on_change)
    nursery.start_soon(_recover, parts, recovery)


async def _recover(parts: _Process, recovery: Recovery) -> None:
    """Ends what lost processes left, as soon as they are surely gone."""
    while True:
        try:
            ended = await recovery.sweep(parts.store.leases.held)
            if ended:
                parts.logger.warning("recovery.ended", runs=ended)
        except StoreUnavailable:
            recovery.forget_absences()
        await trio.sleep(parts.settings.storing.lease_s / _SWEEPS_PER_LEASE)


_SWEEPS_PER_LEASE: Final = 2
"""So that a lost process's runs are ended at most half a lease after it is certain."""


async def _read_mail(parts: _Process) -> None:
    while True:
        for payload in await parts.store.mail.take():
            try:
                message = decode_mail(payload)
            except msgspec.MsgspecError:
                parts.logger.warning("mail.unreadable", size_bytes=len(payload))
                continue
            _hand_over(parts, message)


def _hand_over(parts: _Process, message: Mail) -> None:
    """Gives mail to whom it concerns; what concerns a half that this process has not is passed over."""
    match message:
        case ReplyBatch():
            parts.relay.deliver(message)
        case WakeUp(shard) if parts.inbox is not None:
            parts.inbox.wake(Shard(shard))
        case Hangup(run_id, detail) if parts.inbox is not None:
            parts.inbox.hang_up(RunId(run_id), detail)
        case HeadersLeft(run_id) if parts.inbox is not None:
            parts.inbox.headers_left(RunId(run_id))
        case Retire(session_id, asked_by):
            parts.retire(SessionId(session_id), ProcessId(asked_by))


async def _serve(parts: _Process, stopping: trio.Event, task_status: trio.TaskStatus[Started]) -> None:
    """Serves until told to stop, then drains."""
    drain_s = float(parts.settings.working.drain_timeout_s)
    parts.logger.info("process.started", process=parts.store.process)
    if parts.role is Role.WORKER:
        task_status.started(Started(None, parts.store.process))
        await stopping.wait()
        await _drain(parts, drain_s)
        return
    listening = parts.settings.listening
    await parts.health.look()
    app = build_app(
        EdgeParts(
            options=edge_options(parts.settings, parts.store.process),
            dispatch=parts.dispatch(),
            health=parts.health,
            observer=parts.reporter,
            continuing=parts.continuing(),
            seal=parts.store.seal,
            mint=parts.mint,
            clock=parts.clock,
            bases=upstream_bases(parts.settings),
        )
    )
    config = server_config(
        [f"{_bracketed(listening.host)}:{listening.port}"], drain_s=drain_s, on_fault=parts.reporter.on_fault
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.health.watch, float(parts.settings.storing.lease_s))
        nursery.start_soon(parts.relay.watch)
        serve = partial(
            hypercorn_serve,
            app,
            config,
            shutdown_trigger=partial(_until_stopping, parts, stopping, nursery.start_soon, drain_s),
        )
        binds = await nursery.start(_closing, nursery.cancel_scope.cancel, serve)
        parts.logger.info("edge.listening", url=binds[0])
        task_status.started(Started(binds[0], parts.store.process))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _closing(
    closed: Callable[[], None],
    serve: Callable[..., object],
    *,
    task_status: trio.TaskStatus[list[str]],
) -> None:
    """Serves; what else runs for the edge ends with it.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    try:
        await serve(task_status=task_status)  # type: ignore[misc]
    except* OSError as faults:  # of binding: what connections raise stays with them
        raise ConfigurationError(
            f"MIX2API_HOST, PORT: the address cannot be listened on ({why_of(faults)}): name another"
        ) from None
    closed()


async def _until_stopping(
    parts: _Process, stopping: trio.Event, start_soon: Callable[..., None], drain_s: float
) -> None:
    await stopping.wait()
    parts.health.draining = True
    start_soon(_drain, parts, drain_s)


async def _drain(parts: _Process, drain_s: float) -> None:
    """Leases are given up, running streams may finish, then they are ended."""
    parts.logger.info("process.draining", limit_s=drain_s)
    if parts.worker is not None:
        with trio.move_on_after(GRACE_S):
            try:
                await parts.store.leases.release()
            except StoreUnavailable:
                parts.logger.warning("leases.kept", why="store_unavailable")
        await parts.worker.drain(drain_s)
    if parts.inbox is not None:
        # The endings of other processes' clients.
        with trio.move_on_after(GRACE_S):
            await parts.inbox.wait_forwarded()
            await parts.outbox.wait_sent()


async def _on_signals(stopping: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if stopping.is_set():
                raise KeyboardInterrupt  # told twice: now
            stopping.set()
