"""A real store with runs in it, for the tests of commands that read."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from session_scripts import events_of

from mix2api.clock import SystemClock
from mix2api.events.audit_entry import end_summary, request_summary
from mix2api.events.kinds import End, Event, Request, SessionNote
from mix2api.events.log import Append, Closing, Opening, Outcome
from mix2api.identity import Mint, shard_of
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store
from mix2api.vocabulary import SessionId, Shard

_LIMIT_S = 10
SHARDS = 4


@asynccontextmanager
async def stored(url: str) -> AsyncIterator[Store]:
    """An open store that owns all its shards and shows a heartbeat."""
    options = StoreOptions(url=url, secret=b"0123456789abcdef0123456789abcdef", shards=SHARDS)
    with trio.fail_after(_LIMIT_S):
        async with open_store(options) as store:
            await store.heartbeat.beat()
            await store.leases.acquire()
            yield store


def new_session(store: Store, shard: int = 1) -> SessionId:
    """A fresh session id of that shard."""
    return Mint(store.seal, SystemClock()).session_id(Shard(shard))


async def store_run(store: Store, session_id: SessionId, events: Sequence[Event]) -> None:
    """Appends a run's events at once, with the open and audit entries that belong to them."""
    request = next((event for event in events if isinstance(event, Request)), None)
    end = next((event for event in events if isinstance(event, End)), None)
    first = next(event for event in events if not isinstance(event, SessionNote))
    opening = None
    if request is not None:
        opening = Opening(
            edge=store.process,
            request_digest=store.seal.digest(request.request_id, "request_id"),
            summary=request_summary(request),
        )
    append = Append(
        session_id=session_id,
        run_id=first.run_id,
        first_seq=first.seq,
        events=tuple(events),
        opening=opening,
        closing=None if end is None else Closing(summary=end_summary(end)),
    )
    assert await store.log.submit(append).wait() is Outcome.APPENDED


async def store_script(store: Store, session_id: SessionId, commands: Sequence[Any]) -> None:
    """Carries the commands of one run out and stores what follows from them."""
    await store_run(store, session_id, events_of(commands))


async def append_raw(store: Store, session_id: SessionId, kind: str, version: str, data: bytes) -> None:
    """Puts an entry into a session's log past all checks."""
    key = store.keys.log(shard_of(session_id), session_id)
    await store.links[0].execute(("XADD", key, "*", "k", kind, "v", version, "d", data))
