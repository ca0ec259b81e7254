"""A worker with an inbox, the store's post in memory, and turns as they travel."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import trio
from actor_parts import CLOCK, EDGE, SHARD, Bench, session_id, submission, working
from attrs import define, field
from msgspec.structs import replace

from mix2api.actors.inbox import Inbox
from mix2api.errors import StoreUnavailable
from mix2api.relay.messages import Mail, RelayedTurn, ReplyBatch, decode_mail, encode_turn
from mix2api.relay.outbox import Outbox
from mix2api.sessions.worker_port import Reply
from mix2api.store.post import InboxEntry
from mix2api.upstreams.scripted import Script
from mix2api.vocabulary import ProcessId, RunId, SessionId, Shard

PERIOD_S = 10.0


@define(eq=False)
class Post:
    """The store's post in memory: inboxes by shard, and the mail that was sent, in order."""

    inboxes: dict[Shard, list[InboxEntry]] = field(factory=dict)
    sent: list[tuple[ProcessId, Mail]] = field(factory=list)
    away: bool = False
    keeps: bool = False
    """Nothing can be deleted."""
    waits: trio.Event | None = None
    """For which a read waits before it looks."""
    reads: int = 0
    count: int = 0
    arrived: trio.Event = field(factory=trio.Event)

    def put(self, payload: bytes, shard: Shard = SHARD) -> str:
        self.count += 1
        entry = InboxEntry(f"{self.count}-0", payload, 0)
        self.inboxes.setdefault(shard, []).append(entry)
        return entry.entry_id

    def entries(self, shard: Shard = SHARD) -> list[str]:
        return [entry.entry_id for entry in self.inboxes.get(shard, [])]

    async def read_inbox(self, shard: Shard, after: str = "0-0") -> list[InboxEntry]:
        self.reads += 1
        await self._reach()
        if self.waits is not None:
            await self.waits.wait()
        number = int(after.partition("-")[0])
        entries = self.inboxes.get(shard, [])
        return [entry for entry in entries if int(entry.entry_id.partition("-")[0]) > number][:1000]

    async def delete_inbox(self, shard: Shard, entry_ids: Iterable[str]) -> None:
        await self._reach()
        if self.keeps:
            raise StoreUnavailable
        gone = set(entry_ids)
        self.inboxes[shard] = [entry for entry in self.inboxes[shard] if entry.entry_id not in gone]

    async def mail(self, process: ProcessId, *payloads: bytes) -> None:
        await self._reach()
        self.sent += [(process, decode_mail(payload)) for payload in payloads]
        self.arrived.set()
        self.arrived = trio.Event()

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise StoreUnavailable

    def batches(self, run_id: RunId) -> list[ReplyBatch]:
        return [mail for _, mail in self.sent if isinstance(mail, ReplyBatch) and mail.run_id == run_id]

    async def replies(self, run_id: RunId) -> list[Reply]:
        """All replies to a run, once its ending was mailed."""
        while True:
            replies = [reply for batch in self.batches(run_id) for reply in batch.replies]
            if replies and type(replies[-1]).__name__ == "Ended":
                return replies
            await self.arrived.wait()


@define(eq=False)
class Relayed:
    """A worker with an inbox."""

    bench: Bench
    post: Post
    inbox: Inbox
    alive: set[ProcessId]

    def send(self, **fields: Any) -> RunId:
        """Puts a turn for a fresh session into the inbox and wakes its owner."""
        run_id, entry = relayed(**fields)
        self.post.put(entry)
        self.inbox.wake(SHARD)
        return run_id


def relayed(
    *,
    session: SessionId | None = None,
    late_ms: int = 0,
    window_bytes: int = 0,
    reads_joined: bool = True,
    **fields: Any,
) -> tuple[RunId, bytes]:
    """A turn as it travels; for a fresh session unless one is named."""
    of = submission(session_id=session, **fields)
    deadline_ms = CLOCK.now_ms() + 10_000 - late_ms
    turn = RelayedTurn.of(of, session or session_id(), deadline_ms, window_bytes)
    return of.run_id, encode_turn(replace(turn, reads_joined=reads_joined))


@asynccontextmanager
async def relaying(*scripts: Script, **options: Any) -> AsyncIterator[Relayed]:
    async with working(*scripts, **options) as bench, trio.open_nursery() as nursery:
        post, alive = Post(), {EDGE}

        async def is_alive(process: ProcessId) -> bool:
            await post._reach()
            return process in alive

        outbox = Outbox(post, spacing_s=0)
        inbox = Inbox(bench.environment, bench.worker, post, outbox, is_alive, PERIOD_S)
        nursery.start_soon(outbox.run)
        nursery.start_soon(inbox.run)
        yield Relayed(bench, post, inbox, alive)
        nursery.cancel_scope.cancel()
