"""A process from its start to its orderly end; nothing here decides anything about a request.

What is run is put together in `mix2api.process.parts`.
"""

import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Never

import trio
from attrs import frozen

from mix2api.descriptors import raise_limit
from mix2api.edge.server import GRACE_S
from mix2api.errors import StoreUnavailable
from mix2api.logs import configure_logging
from mix2api.process.collector import settle_collector
from mix2api.process.control import Supervised
from mix2api.process.heap import HeapKeeper, resident_bytes, trimmer
from mix2api.process.listening import listen
from mix2api.process.mail import read_mail
from mix2api.process.measuring import Measuring
from mix2api.process.parts import Parts, Role, process_parts
from mix2api.process.plain_faults import plain_faults
from mix2api.process.profiles import tell_of_profiles
from mix2api.process.settings_telling import tell_settings
from mix2api.process.storing import store_options
from mix2api.process.watchdog import Watchdog
from mix2api.process.worker_half import WorkerHalf
from mix2api.settings import Settings
from mix2api.store.opening import open_store
from mix2api.store.redis.cluster import Cluster
from mix2api.supervision import supervised

_SWEEPS_PER_LEASE: Final = 3
"""So that a lost process's runs are ended at most a third of a lease after it is certain."""

_MASTERS_S: Final = 0.5
"""Between two looks at which masters of a Redis Cluster are away: for the log, which nobody waits for."""


@frozen
class Started:
    """What a running process reports."""

    url: str | None
    """Of the edge, if it has one."""
    process: str


async def run_process(
    settings: Settings,
    role: Role,
    *,
    stop: trio.Event | None = None,
    supervised_by: Supervised | None = None,
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
    logger.info("process.descriptors", limit=raise_limit())
    stopping = trio.Event() if stop is None else stop
    with plain_faults():
        async with (
            open_store(store_options(settings, role.value)) as store,
            process_parts(settings, role, store, logger) as parts,
        ):
            await store.heartbeat.beat()
            await store.connect()
            parts.supervised = supervised_by
            try:
                await _run_parts(parts, stopping, task_status)
            finally:
                store.refused.flush()


async def start_tasks(parts: Parts, nursery: trio.Nursery) -> None:
    """Starts what a process does all the time: all of it that needs neither signals nor threads."""
    _keep_up(parts, nursery, "heartbeat", parts.store.heartbeat.keep)
    _keep_up(parts, nursery, "outbox", parts.outbox.run)
    _keep_up(parts, nursery, "mail", partial(read_mail, parts))
    _keep_up(parts, nursery, "store", partial(_tell_of_store, parts))
    _keep_up(parts, nursery, "refusals", partial(_tell_of_refusals, parts))
    _keep_up(parts, nursery, "refused", parts.store.refused.keep)
    if parts.half is not None:
        await _start_worker(parts, parts.half, nursery)


async def _run_parts(parts: Parts, stopping: trio.Event, task_status: trio.TaskStatus[Started]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_on_signals, parts, stopping)
        ready = trio.Event()
        if parts.supervised is not None:
            nursery.start_soon(parts.supervised.watch, stopping, ready)
        await _keep_profiles(parts, nursery)
        await Measuring(parts).start(nursery, _keep_up)
        _keep_up(parts, nursery, "keeping", parts.keeping.watch)
        _keep_up(parts, nursery, "settings", partial(tell_settings, parts.store, parts.settings))
        await start_tasks(parts, nursery)
        settle_collector()
        nursery.start_soon(_keep_heap, parts)
        lease_s = float(parts.settings.storing.lease_s)
        watchdog = Watchdog(parts.store, lease_s, parts.logger, parts.clock)
        nursery.start_soon(watchdog.watch, parts.on_lease_change)
        await _until_stopped(parts, stopping, ready, task_status)
        nursery.cancel_scope.cancel()


async def _keep_heap(parts: Parts) -> None:
    """Gives memory back after bursts, where the system can."""
    trim = trimmer()
    if trim is None:
        return
    await HeapKeeper(trim=trim, resident=resident_bytes, runs=parts.runs).keep()


async def _keep_profiles(parts: Parts, nursery: trio.Nursery) -> None:
    """Reads the profiles again when they change; once this returns, a SIGHUP no longer ends the process."""
    profiles = parts.profiles
    tell = partial(tell_of_profiles, profiles, parts.logger)
    _keep_up(parts, nursery, "profiles", partial(profiles.watch, tell))
    await nursery.start(profiles.reload_on_hangup, tell)


def _keep_up(parts: Parts, nursery: trio.Nursery, name: str, task: Callable[[], Awaitable[None]]) -> None:
    """Starts a background task under the supervisor."""
    nursery.start_soon(supervised, name, task, parts.reporter.on_task_fault)


async def _start_worker(parts: Parts, half: WorkerHalf, nursery: trio.Nursery) -> None:
    if half.credential is not None:
        _keep_up(parts, nursery, "credential", half.credential.keep)
    if half.keep_upstream is not None:
        _keep_up(parts, nursery, "upstream", half.keep_upstream)
    if parts.tracing is not None:
        _keep_up(parts, nursery, "traces", parts.tracing.keep)
    if parts.conversing is not None and parts.conversing.executor is not None:
        _keep_up(parts, nursery, "conversations", parts.conversing.executor.run)
    await parts.store.spread.enter(parts.on_lease_change, parts.on_handed)
    await nursery.start(half.worker.live)
    nursery.start_soon(half.inbox.run)
    _keep_up(
        parts, nursery, "leases", partial(parts.store.spread.keep, parts.on_lease_change, parts.on_handed)
    )
    _keep_up(parts, nursery, "recovery", partial(_recover, parts, half))


async def _recover(parts: Parts, half: WorkerHalf) -> None:
    """Ends what lost processes left, as soon as they are surely gone. Logs when it cannot look, and when it can again."""
    looks = True
    while True:
        try:
            ended = await half.recovery.sweep(parts.store.reachable(parts.store.leases.held))
        except StoreUnavailable:
            half.recovery.forget_absences()
            if looks:
                parts.logger.warning("recovery.blind", why="store_unavailable")
            looks = False
        else:
            if not looks:
                parts.logger.warning("recovery.back")
            looks = True
            if ended:
                parts.logger.warning("recovery.ended", runs=ended)
        await trio.sleep(parts.settings.storing.lease_s / _SWEEPS_PER_LEASE)


async def _tell_of_store(parts: Parts) -> None:
    """Logs that Redis went away and came back, also while nobody asks anything: hearts beat all the time."""
    if parts.store.cluster is not None:
        await _tell_of_masters(parts, parts.store.cluster)
    beating = parts.store.beating
    while True:
        await beating.wait_down()
        why = beating.why
        parts.logger.warning("store.away", why=None if why is None else why.value)
        await beating.wait_up()
        parts.logger.warning("store.back")


async def _tell_of_masters(parts: Parts, cluster: Cluster) -> Never:
    """Logs which masters of a cluster went away and came back; for ever."""
    known = frozenset[str]()
    while True:
        away = frozenset(f"{host}:{port}" for host, port in cluster.away())
        for master in sorted(away - known):
            parts.logger.warning("store.away", why=None, master=master)
        for master in sorted(known - away):
            parts.logger.warning("store.back", master=master)
        known = away
        await trio.sleep(_MASTERS_S)


async def _tell_of_refusals(parts: Parts) -> None:
    """Logs once that Redis refuses writes, with its word, and once that it takes them again."""
    word = None
    while True:
        word = await parts.store.willingness.wait_other(word)
        if word is None:
            parts.logger.warning("store.accepts")
        else:
            parts.logger.warning("store.refuses", why=word.value)


async def _until_stopped(
    parts: Parts, stopping: trio.Event, ready: trio.Event, task_status: trio.TaskStatus[Started]
) -> None:
    """Works until told to stop, then drains."""

    async def drain() -> None:
        await _drain(parts)

    parts.logger.info("process.started", process=parts.store.process)
    if parts.role is Role.WORKER:
        task_status.started(Started(None, parts.store.process))
        await stopping.wait()
        await drain()
        return
    async with trio.open_nursery() as nursery:
        url = await nursery.start(listen, parts, stopping, drain)
        ready.set()
        task_status.started(Started(url, parts.store.process))


async def _drain(parts: Parts) -> None:
    """Shards are handed over, running streams may finish, then they are ended; and other processes' clients hear of it."""
    drain_s = float(parts.settings.working.drain_timeout_s)
    parts.logger.info("process.draining", limit_s=drain_s)
    half = parts.half
    if half is None:
        return
    with trio.move_on_after(GRACE_S):
        try:
            await parts.store.spread.leave(parts.on_lease_change, parts.on_handed)
        except StoreUnavailable:
            parts.logger.warning("leases.kept", why="store_unavailable")
    await half.worker.drain(drain_s)
    with trio.move_on_after(GRACE_S):
        await half.inbox.wait_forwarded()
        await parts.outbox.wait_sent()


async def _on_signals(parts: Parts, stopping: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGUSR1) as signals:
        async for number in signals:
            if stopping.is_set():
                raise KeyboardInterrupt  # told twice: now
            parts.is_replaced = number == signal.SIGUSR1
            stopping.set()
