"""Runs, appends, opened stores and what they wrote, for the tests of whatever writes the event log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from mix2api.clock import SystemClock
from mix2api.events.kinds import End, Event, Request, UpstreamChunk
from mix2api.events.log import Append, Closing, Opening
from mix2api.events.versions import CURRENT, Schema
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.store.opening import build_store
from mix2api.store.options import StoreOptions
from mix2api.store.redis.cluster import found_table
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.store import Store
from mix2api.vocabulary import (
    ChunkKind,
    Digest,
    EndReason,
    ProcessId,
    RequestId,
    RunId,
    SessionId,
    Shard,
)

SECRET = b"a secret for tests only"
SEAL = Seal(SECRET)
MINT = Mint(SEAL, SystemClock())
SHARD = Shard(7)
WAKE = b"wake"
"""What `put_inbox` puts into the mail beside it."""
EDGE = ProcessId("p_00000000ed9e")
REQUEST_DIGEST = Digest("d" * 32)


def new_session(shard: Shard = SHARD) -> SessionId:
    return MINT.session_id(shard)


def new_run() -> RunId:
    return MINT.run_id()


def request(run: RunId, **fields: Any) -> Request:
    known: dict[str, Any] = {
        "run_id": run,
        "seq": 1,
        "request_id": RequestId("req_1"),
        "at_ms": 1_700_000_000_000,
        "model": "mix/test",
        "stream": True,
        "messages_all": 1,
        "messages_new": 1,
        "body_bytes": 100,
        "edge": EDGE,
        "worker": ProcessId("p_000000000000"),
    }
    return Request(**known | fields)


def chunk(run: RunId, seq: int) -> UpstreamChunk:
    return UpstreamChunk(
        run_id=run, seq=seq, kind=ChunkKind.TEXT, at_ms=seq, first_frame=seq, last_frame=seq, frames=1
    )


def end(run: RunId, seq: int) -> End:
    return End(run_id=run, seq=seq, end_reason=EndReason.STOP, http_status=200, total_ms=seq)


def opening_append(
    session: SessionId, run: RunId, *more: Event, inbox_entry: str | None = None, **fields: Any
) -> Append:
    return Append(
        session_id=session,
        run_id=run,
        first_seq=1,
        events=(request(run), *more),
        opening=Opening(
            edge=EDGE, request_digest=REQUEST_DIGEST, summary=b'["asked"]', inbox_entry=inbox_entry
        ),
        **fields,
    )


def chunks_append(session: SessionId, run: RunId, *seqs: int, droppable: bool = True) -> Append:
    return Append(
        session_id=session,
        run_id=run,
        first_seq=seqs[0],
        events=tuple(chunk(run, seq) for seq in seqs),
        droppable=droppable,
    )


def closing_append(session: SessionId, run: RunId, seq: int, **closing: Any) -> Append:
    return Append(
        session_id=session,
        run_id=run,
        first_seq=seq,
        events=(end(run, seq),),
        closing=Closing(summary=b'["ended"]', **closing),
    )


@asynccontextmanager
async def running_store(url: str, schema: Schema = CURRENT, **options: Any) -> AsyncIterator[Store]:
    """A process's store at a server, its writer running, without checks and leases; nothing is drained at the end."""
    store = build_store(
        RedisLocation.parse(url), StoreOptions(url=url, secret=SECRET, **options), SEAL, schema
    )
    async with trio.open_nursery() as nursery:
        if store.cluster is not None:
            found_table(store.location, Timeouts(), store.cluster.table)
            nursery.start_soon(store.cluster.run)
        nursery.start_soon(store.log.writer.run)
        try:
            yield store
        finally:
            with trio.CancelScope(shield=True):
                for link in store.links:
                    await link.aclose()
            nursery.cancel_scope.cancel()


async def put_inbox(store: Store, payload: bytes, deadline_ms: int = 1) -> str:
    """Puts a command into the inbox of `SHARD`, which the store's process takes first, and gives the entry's id."""
    await store.leases.acquire([SHARD])
    entry = await store.post.put_inbox(store.process, SHARD, payload, deadline_ms, WAKE)
    assert entry is not None
    return entry


async def events_of(store: Store, session: SessionId) -> list[Event]:
    return [recorded.event for recorded in (await store.log.history(session)).recorded]


async def audit_of(store: Store) -> list[object]:
    return [entry async for batch in store.audit.read_audit(3_600_000) for entry in batch]
