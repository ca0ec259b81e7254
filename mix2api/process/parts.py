"""The parts of one process, put together from settings. Nothing runs here: `mix2api.process.running` does that."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import define, field
from structlog.typing import FilteringBoundLogger

from mix2api.actors.inbox import Inbox
from mix2api.actors.worker import MemoryDispatch
from mix2api.clock import Clock
from mix2api.counting.profile_files import Profiles
from mix2api.edge.continuing import Continuing
from mix2api.edge.seen_realms import SeenRealms
from mix2api.errors import StoreUnavailable
from mix2api.events.kinds import End
from mix2api.events.log import OpenRun
from mix2api.events.refusal_entry import RefusalEntry
from mix2api.identity import Mint, shard_of
from mix2api.machine import Machine
from mix2api.metrics.meters import Meters
from mix2api.process.aborting import Aborts
from mix2api.process.control import Supervised
from mix2api.process.conversing import ConversingHalf
from mix2api.process.health import ProcessHealth
from mix2api.process.named_upstreams import (
    NamedUpstream,
    named_upstreams,
    sites_of,
    with_models,
)
from mix2api.process.nearest import NearestDispatch, OwnShards
from mix2api.process.profiles import start_profiles
from mix2api.process.reporting import Reporter
from mix2api.process.store_keeping import StoreKeeping
from mix2api.process.telemetry import telemetry
from mix2api.process.tracing import Tracing, trace_bounds, trace_rule
from mix2api.process.worker_half import WorkerHalf, surrounded_upstream, worker_half
from mix2api.relay import endings
from mix2api.relay.dispatch import RelayDispatch
from mix2api.relay.fresh_shards import FreshShards
from mix2api.relay.messages import Handover, TakenOver, WakeUp
from mix2api.relay.options import RelayOptions
from mix2api.relay.outbox import Outbox
from mix2api.relay.room import Elsewhere
from mix2api.sessions.aborting import AbortAsked, AbortOutcome
from mix2api.sessions.resolution import Reuse
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Dispatch
from mix2api.settings import Settings, open_doors
from mix2api.store.leases import LeaseChange
from mix2api.store.spread import Handed
from mix2api.store.store import Store
from mix2api.store_watch import StoreWatch
from mix2api.upstreams.http.connection import Dialer
from mix2api.vocabulary import SessionId, Shard

if TYPE_CHECKING:
    from mix2api.telemetry.observing import Observing


class Role(StrEnum):
    """Which halves a process runs."""

    SERVE = "serve"
    EDGE = "edge"
    WORKER = "worker"

    @property
    def has_edge(self) -> bool:
        """Whether it serves clients."""
        return self is not Role.WORKER


@define(eq=False, kw_only=True)
class Parts:
    """The parts of one process."""

    settings: Settings
    upstreams: tuple[NamedUpstream, ...]
    role: Role
    store: Store
    mint: Mint
    clock: Clock
    reporter: Reporter
    logger: FilteringBoundLogger
    outbox: Outbox
    relay: RelayDispatch
    fresh: FreshShards
    elsewhere: Elsewhere
    watch: StoreWatch
    mail_watch: StoreWatch
    """Whether the mail of this process can be read: in a Redis Cluster it lies on one of the masters."""
    profiles: Profiles
    health: ProcessHealth
    keeping: StoreKeeping
    meters: Meters
    aborts: Aborts
    streams_open: Callable[[], int] = field(default=lambda: 0)
    """Answers under way at the edge; set once there is one."""
    half: WorkerHalf | None = field(default=None)
    conversing: ConversingHalf | None = field(default=None)
    """None: there are no conversations."""
    tracing: Tracing | None = field(default=None)
    """None: no runs leave traces."""
    observing: "Observing | None" = field(default=None)
    """Of OpenTelemetry; None: nothing is sent to a collector."""
    supervised: Supervised | None = field(default=None)
    """By whom, if by anybody."""
    is_replaced: bool = field(default=False)
    """Another process takes connections from the same socket already: a load balancer has nothing to hear of."""

    def runs(self) -> int:
        """Turns under way: those of its own worker, and those that its clients have elsewhere."""
        return self.relay.count + (0 if self.half is None else self.half.worker.statistics().runs)

    def runtime_runs(self) -> int | None:
        """Runs of its own worker that have a session in a runtime; None: it calls none."""
        counts = None if self.half is None else self.half.runtime_runs
        return None if counts is None else counts()

    def sites(self) -> Sites:
        """The upstream of each model, as the edge knows it."""
        return sites_of(self.upstreams, self.store.seal)

    def continuing(self) -> Continuing:
        """Finds the session of each request."""
        store, settings = self.store, self.settings
        own = OwnShards(store.leases, self.mint)

        def draw_shard() -> Shard:
            channel = self.fresh.channel()
            is_own = store.leases.held and channel is settings.release.channel
            return own() if is_own else self.fresh.of(channel)

        return Continuing(
            store.sessions,
            store.seal,
            self.mint,
            Reuse(settings.sessions.reuse.value),
            self.sites(),
            draw_shard,
            self.reporter.on_schema_fallback,
            seen=SeenRealms(settings.sessions.ttl_ms / 1000),
        )

    def on_lease_change(self, change: LeaseChange) -> None:
        """What this process knows of shards that it lost is forgotten, the inboxes of those that it gained are read."""
        if self.half is None or change == LeaseChange():
            return
        self.logger.info(
            "leases.changed",
            gained=len(change.gained),
            lost=len(change.lost),
            held=len(self.store.leases.held),
        )
        for shard in change.lost:
            self.half.inbox.lost(shard)
        for shard in change.gained:
            self.half.inbox.gained(shard)

    def on_handed(self, handed: Handed) -> None:
        """Tells a process that shards are its own now: it would hear of that a third of a lease later."""
        self.outbox.put(handed.to, Handover(list(handed.shards)))

    def tell_edge(self, run: OpenRun, end: End) -> None:
        """Tells the edge of a lost run how it ended, unless that is the lost process itself."""
        if run.edge != run.process:
            self.outbox.put(run.edge, TakenOver(run.run_id, endings.of_end(end)))

    async def take_over(self, shards: Sequence[Shard]) -> None:
        """Takes shards that another process has handed over. Those that are not ours stay where they are."""
        with suppress(StoreUnavailable):  # the next renewal takes them
            self.on_lease_change(await self.store.leases.acquire(shards))

    async def wake(self, inbox: Inbox, shard: Shard) -> None:
        """Reads an inbox, or wakes the process that owns the shard by now: who wrote the entry may have looked just before."""
        if self.store.leases.token(shard) is None:
            with suppress(StoreUnavailable):
                owner = await self.store.post.lease_owner(shard)
                if owner not in {None, self.store.process}:
                    self.outbox.put(owner, WakeUp(shard))
                    return
        inbox.wake(shard)
        if self.conversing is not None:
            self.conversing.woken(shard)

    async def reclaim(self, session_id: SessionId) -> bool:
        """Takes the lease of a session's shard if nobody has it; gives whether this process holds it now."""
        shard = shard_of(session_id)
        try:
            self.on_lease_change(await self.store.leases.acquire([shard]))
        except StoreUnavailable:
            return False
        return self.store.leases.token(shard) is not None

    def dispatch(self) -> Dispatch:
        """Takes each request to who runs it."""
        dispatch: Dispatch = self.relay
        if self.half is not None:
            memory = MemoryDispatch(self.half.worker, self.half.environment)
            dispatch = NearestDispatch(
                memory=memory,
                relay=self.relay,
                leases=self.store.leases,
                heartbeat=self.store.heartbeat,
                fresh=self.fresh,
                channel=self.settings.release.channel,
                elsewhere=self.elsewhere,
            )
        return dispatch if self.observing is None else self.observing.dispatch(dispatch)


@asynccontextmanager
async def process_parts(
    settings: Settings,
    role: Role,
    store: Store,
    logger: FilteringBoundLogger,
    machine: Machine | None = None,
    dialer: Dialer | None = None,
) -> AsyncIterator[Parts]:
    """Puts a process together; what the upstream's client holds is closed at the end.

    Args:
        settings: of the process.
        role: which halves it has.
        store: open.
        logger: its log.
        machine: its clocks and randomness; those of this machine if none is given.
        dialer: connects to the site; as the settings say if none is given.
    """
    upstreams = named_upstreams(settings)
    settings = with_models(settings, upstreams)
    machine = Machine() if machine is None else machine
    clock = machine.clock
    mint = Mint(store.seal, clock, machine.randomness)
    outbox = Outbox(store.post)
    chosen_word = "allowlist" if settings.dynamic_base.allowlist else "dynamic"
    models = frozenset(settings.listening.models)
    meters = Meters()

    def on_refusal(entry: RefusalEntry) -> None:
        store.refused.note(entry)
        meters.on_refusal(entry)

    reporter = Reporter(logger, settings.release.channel, chosen_word, clock, on_refusal, models)
    store.damage.on_damage, store.faults.on_fault = reporter.on_damage, reporter.on_task_fault
    watch = StoreWatch(store.silence, clock, lambda: store.log.refused(1))
    if store.cluster is not None:
        watch.lacks = lambda session_id: store.is_away(shard_of(session_id))
    mail_watch = watch if store.cluster is None else StoreWatch(store.mail_silence, clock)
    fresh = FreshShards(mint, lambda: store.heartbeat.release.division, store.is_away)
    elsewhere = Elsewhere(
        room=store.heartbeat.peers,
        inboxes=store.post,
        mint=mint,
        fresh=fresh,
        process=store.process,
        store=watch,
    )
    relay = RelayDispatch(
        RelayOptions(
            process=store.process,
            period_s=float(settings.storing.lease_s),
            queue_timeout_s=settings.working.queue_timeout_ms / 1000,
            backlog_bytes=settings.working.stream_backlog_bytes,
            rerun=settings.working.rerun,
        ),
        store.post,
        outbox,
        store.log,
        store.heartbeat.alive,
        mint,
        clock,
        fresh,
        mail_watch,
        store.heartbeat.peers.is_silent,
        elsewhere,
    )
    profiles = start_profiles(settings, logger)
    keeping = StoreKeeping(store, logger)

    def abort_here(asked: AbortAsked) -> AbortOutcome:
        return AbortOutcome() if parts.half is None else parts.half.worker.abort(asked)

    parts = Parts(
        settings=settings,
        upstreams=upstreams,
        role=role,
        store=store,
        mint=mint,
        clock=clock,
        reporter=reporter,
        logger=logger,
        outbox=outbox,
        relay=relay,
        fresh=fresh,
        elsewhere=elsewhere,
        watch=watch,
        mail_watch=mail_watch,
        profiles=profiles,
        meters=meters,
        health=ProcessHealth(store, tuple(open_doors(settings)), profiles, keeping),
        keeping=keeping,
        aborts=Aborts(store.process, abort_here, store.heartbeat.peers.living, outbox, mint, store.runtime),
    )
    parts.health.runs, parts.health.runtime_runs = parts.runs, parts.runtime_runs
    for warning in settings.warnings:
        logger.warning("settings.warning", why=warning)
    async with telemetry(settings, store.process, clock) as parts.observing:
        if role is Role.EDGE:
            parts.conversing = ConversingHalf.of(parts)
            yield parts
            return
        if settings.tracing.enabled:
            rule, bounds = trace_rule(settings), trace_bounds(settings)
            parts.tracing = Tracing(store.traces, rule, bounds, settings.tracing.mode, store.seal, logger)
        with surrounded_upstream(parts, dialer) as configured:
            parts.half = worker_half(parts, configured)
            relay.on_stop = parts.half.inbox.hang_up
            parts.conversing = ConversingHalf.of(parts)
            yield parts
