"""Opens the store: finds or starts Redis, checks it, and puts the parts together. Used by the composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import trio

from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.events.versions import CURRENT, Schema
from mix2api.identity import Mint
from mix2api.machine import Machine
from mix2api.sealing import Seal
from mix2api.store.audit_stream import AuditStream
from mix2api.store.census import Census
from mix2api.store.channel_owners import ChannelOwners
from mix2api.store.commit import IndexLife
from mix2api.store.damage import DamageCounter
from mix2api.store.followed_release import FollowedRelease
from mix2api.store.gateway_log import GatewayLog
from mix2api.store.guard_seat import GuardSeat
from mix2api.store.heartbeat import Heartbeat, ProcessFacts
from mix2api.store.kept_slo import KeptSlo
from mix2api.store.keys import Keys
from mix2api.store.leases import Holder, Leases
from mix2api.store.log import RedisEventLog
from mix2api.store.open_runs import OpenRuns
from mix2api.store.options import SpoolLimits, StoreOptions
from mix2api.store.place import check_place, found_place
from mix2api.store.post import MailReader, Post
from mix2api.store.process_settings import ProcessSettings
from mix2api.store.recorded_sessions import RecordedSessions
from mix2api.store.redis.cluster import found_table
from mix2api.store.redis.dialing import Dial, dial
from mix2api.store.redis.embedded import EmbeddedServer
from mix2api.store.redis.link import CommitLink, RedisLink
from mix2api.store.redis.location import RedisLocation
from mix2api.store.refused_requests import RefusedRequests
from mix2api.store.release_evidence import KeptEvidence
from mix2api.store.release_log import ReleaseLog
from mix2api.store.request_file import RequestFiles
from mix2api.store.runtime_sessions import RedisRuntimeSessions
from mix2api.store.schema import WrittenSchema
from mix2api.store.session_index import RedisSessionIndex
from mix2api.store.spool import SpoolUse
from mix2api.store.spread import Spread
from mix2api.store.store import Store, TaskFaults
from mix2api.store.traces import Traces
from mix2api.store.transcripts import RedisTranscripts
from mix2api.store.vault import RedisVault
from mix2api.store.ways import Ways
from mix2api.store.willingness import Willingness
from mix2api.store.writer import LogWriter
from mix2api.supervision import supervised

_DRAIN_S: Final = 5.0
"""For what is still to be written when the store is closed: longer than Redis needs to come back from a restart."""
_FAREWELL_S: Final = 1.0
_AGAIN_S: Final = 1.0


@asynccontextmanager
async def open_store(options: StoreOptions) -> AsyncIterator[Store]:
    """The store that the options name: Redis at `url`, else the embedded server of `data_dir`.

    On the way out what was submitted is written (for some seconds at most), leases and heartbeat are given up, and the
    embedded server is stopped if nobody else uses it.

    Raises:
        ConfigurationError: one line that says what to do.
    """
    async with AsyncExitStack() as stack:
        place = await found_place(options, stack)
        store = build_store(place.location, options, place.seal)
        table = None
        if store.cluster is not None:
            table = store.cluster.table
            await trio.to_thread.run_sync(found_table, place.location, options.timeouts, table)
        await check_place(place, options, store.keys, table)
        async with at_work(store, place.server):
            yield store


@asynccontextmanager
async def at_work(store: Store, server: EmbeddedServer | None = None) -> AsyncIterator[None]:
    """Runs what a store runs by itself; on the way out it is written, given up and closed, as `open_store` says."""
    fault: Exception | None = None
    async with trio.open_nursery() as nursery:
        background = trio.CancelScope(shield=True)
        nursery.start_soon(_work, store, server, background)
        try:
            yield
        except Exception as raised:  # noqa: BLE001 - raised again below, out of the nursery, which would wrap it
            fault = raised
        finally:
            with trio.CancelScope(shield=True):
                await _close(store)
            background.cancel()
    if fault is not None:
        raise fault


def build_store(
    location: RedisLocation,
    options: StoreOptions,
    seal: Seal,
    schema: Schema = CURRENT,
    machine: Machine | None = None,
    dial: Dial = dial,
) -> Store:
    """Puts the parts together; nothing is connected and nothing runs yet."""
    machine = Machine() if machine is None else machine
    written, willingness = WrittenSchema(schema), Willingness()
    keys = Keys(options.prefix, is_clustered=bool(location.nodes))
    damage = DamageCounter()
    mint = Mint(seal, machine.clock, machine.randomness)
    holder = Holder(process=mint.process_id(), nonce=machine.randomness.take(4).hex())
    ways, faults = Ways(location=location, options=options, machine=machine, dial=dial), TaskFaults()
    reading, appending, leasing = (ways.quick(what) for what in ("read", "append", "lease"))
    mailing, waiting = (ways.blocking(what) for what in ("mail", "wait"))
    leases = Leases(
        link=leasing,
        keys=keys,
        holder=holder.word,
        lease_s=options.lease_s,
        shards=options.shards,
        damage=damage,
    )
    heartbeat = Heartbeat(
        link=leasing,
        keys=keys,
        process=holder.process,
        facts=ProcessFacts.of(options, seal, schema.version, holder.nonce),
        lease_s=options.lease_s,
        schema=written,
        willingness=willingness,
        damage=damage,
        clock=machine.clock,
        release=FollowedRelease(keys=keys, damage=damage, shards=options.shards),
    )
    life = IndexLife(retention_ms=options.retention_s * 1000, waiting_ms=options.waiting_s * 1000)

    def log_writer(link: CommitLink, limits: SpoolLimits, use: SpoolUse) -> LogWriter:
        told = (written, willingness, damage, use)
        return LogWriter(
            link, keys, holder, leases.token, life, limits, *told, receipt_window_s=options.receipt_window_s
        )

    writer = ways.writer(appending, log_writer, keys, damage, faults)
    log = RedisEventLog(
        link=reading,
        writer=writer,
        keys=keys,
        open_runs=OpenRuns(
            link=reading,
            keys=keys,
            leases=leases,
            holder=holder.word,
            damage=damage,
            peers=heartbeat.peers,
        ),
        damage=damage,
        schema=written,
        channel=options.channel,
    )
    audit = AuditStream(link=reading, keys=keys, shards=options.shards, damage=damage)
    return Store(
        process=holder.process,
        seal=seal,
        keys=keys,
        location=location,
        log=log,
        refused=RefusedRequests(
            writer=writer,
            keys=keys,
            seal=seal,
            clock=machine.clock,
            shards=options.shards,
            channel=options.channel,
        ),
        files=RequestFiles(link=reading, keys=keys, log=log, seal=seal),
        slo=KeptSlo(link=reading, keys=keys, seal=seal, life_ms=options.retention_s * 1000),
        traces=Traces(link=reading, keys=keys, seal=seal),
        runtime=RedisRuntimeSessions(link=reading, keys=keys, seal=seal, damage=damage),
        transcripts=RedisTranscripts(link=reading, keys=keys, seal=seal, damage=damage),
        leases=leases,
        heartbeat=heartbeat,
        spread=Spread(
            link=leasing,
            leases=leases,
            heartbeat=heartbeat,
            owners=ChannelOwners(options.shards),
            lease_s=options.lease_s,
        ),
        census=Census(link=reading, keys=keys, shards=options.shards, damage=damage),
        post=Post(
            link=reading,
            keys=keys,
            seal=seal,
            damage=damage,
            mailbox=None if ways.cluster is None else holder.process,
        ),
        mail=MailReader(
            link=mailing, keys=keys, seal=seal, process=holder.process, damage=damage, clock=machine.clock
        ),
        audit=audit,
        recorded=RecordedSessions(link=reading, keys=keys, audit=audit, shards=options.shards),
        sessions=RedisSessionIndex(
            link=reading,
            keys=keys,
            waiting_s=options.waiting_s,
            issued=mint.issued,
            damage=damage,
        ),
        vault=RedisVault(
            link=reading, waiting=waiting, keys=keys, seal=seal, process=holder.process, damage=damage
        ),
        release=ReleaseLog(link=reading, keys=keys, damage=damage),
        gateway=GatewayLog(link=reading, keys=keys, damage=damage),
        process_settings=ProcessSettings(link=reading, keys=keys, damage=damage),
        guard=GuardSeat(link=reading, keys=keys, damage=damage),
        evidence=KeptEvidence(link=reading, keys=keys, damage=damage),
        damage=damage,
        faults=faults,
        cluster=ways.cluster,
        willingness=willingness,
        links=(reading, appending, leasing, mailing, waiting),
    )


async def _work(store: Store, server: EmbeddedServer | None, scope: trio.CancelScope) -> None:
    """Writes, and watches the embedded server. Shielded: what was submitted before a cancel is still written."""
    with scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervised, "log.writer", store.log.writer.run, store.faults)
            if store.cluster is not None:
                nursery.start_soon(supervised, "cluster", store.cluster.run, store.faults)
            if server is not None:
                for link in store.links:
                    nursery.start_soon(_watch, link, server)


async def _watch(link: RedisLink, server: EmbeddedServer) -> None:
    """Starts the embedded server again when it died under us."""
    while True:
        await link.wait_down()
        try:
            await server.ensure_running()
        except ConfigurationError:
            await trio.sleep(_AGAIN_S)  # the disk may get room, the paused server may go on
        else:
            await link.wait_up()


async def _close(store: Store) -> None:
    await store.log.writer.drain(_DRAIN_S)
    with trio.move_on_after(_FAREWELL_S), suppress(StoreUnavailable):
        await store.leases.release()
        await store.heartbeat.stop()
    for link in store.links:
        await link.aclose()
