"""An edge's relay with all that it touches, and owners that run its turns elsewhere."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from actor_parts import CLOCK, EDGE, MINT, PROCESS, bench, end_of, living, submission
from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.relay.dispatch import RelayDispatch
from mix2api.relay.fresh_shards import FreshShards
from mix2api.relay.messages import Mail, ReplyBatch, decode_mail, decode_turn
from mix2api.relay.options import RelayOptions
from mix2api.relay.outbox import Outbox
from mix2api.relay.room import Elsewhere, Room
from mix2api.release.shares import divided
from mix2api.sessions.worker_port import Accepted, Ended, Replies, Reply, Submission
from mix2api.store.memory import MemoryEventLog
from mix2api.store_watch import StoreWatch
from mix2api.upstreams.scripted import Script
from mix2api.vocabulary import Channel, EndReason, FinishReason, ProcessId, SessionId, Shard

FRESH = FreshShards(MINT, lambda: divided(4, None, frozenset()))
PERIOD_S = 10.0
QUEUE_S = 15.0
ACCEPTED = Accepted("ses_accepted", "fresh", "no_history")
STOPPED = Ended(end_reason=EndReason.STOP, finish_reason=FinishReason.STOP)


class SentMail(Outbox):
    """An outbox that keeps what is put into it."""

    def __init__(self) -> None:
        self.sent: list[tuple[ProcessId, Mail]] = []

    def put(self, process: ProcessId, message: Mail, *, may_wait: bool = False) -> None:
        assert not may_wait
        self.sent.append((process, message))


@define(eq=False)
class Inboxes:
    """The store's inboxes, and who owns the shards."""

    outbox: SentMail
    """Has what was put into owners' mail, too."""
    owners: dict[Shard, ProcessId] = field(factory=dict)
    put: list[tuple[Shard, bytes, int]] = field(factory=list)
    asked: int = 0
    """How often the owner of a shard was asked for."""
    away: bool = False
    full: bool = False

    async def put_inbox(
        self, owner: ProcessId, shard: Shard, payload: bytes, deadline_ms: int, wake: bytes
    ) -> str | None:
        await trio.lowlevel.checkpoint()
        if self.full or self.away:
            raise StoreUnavailable
        if self.owners.get(shard) != owner:
            return None
        self.put.append((shard, payload, deadline_ms))
        self.outbox.put(owner, decode_mail(wake))
        return f"{len(self.put)}-0"

    async def lease_owner(self, shard: Shard) -> ProcessId | None:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.away:
            raise StoreUnavailable
        return self.owners.get(shard)

    async def lease_owners(self, shards: Sequence[Shard]) -> list[ProcessId | None]:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise StoreUnavailable
        return [self.owners.get(shard) for shard in shards]


@define(eq=False)
class Edge:
    """A relay with all that it touches."""

    relay: RelayDispatch
    inboxes: Inboxes
    outbox: SentMail
    log: MemoryEventLog
    alive: set[ProcessId]
    store: StoreWatch
    lost: set[tuple[str, float]]
    """Connections to the store that do not answer."""
    silent: set[ProcessId]
    """Processes whose heartbeats say nothing new."""

    async def submit(self, of: Submission | None = None) -> tuple[Submission, Replies]:
        sent = of if of is not None else submission()
        return sent, await self.relay.submit(sent)

    def deliver(self, of: Submission, number: int, *replies: Reply) -> None:
        self.relay.deliver(ReplyBatch(of.run_id, 1, number, list(replies)))

    def mails(self, kind: type[Mail]) -> list[Any]:
        return [mail for _, mail in self.outbox.sent if isinstance(mail, kind)]

    def receipts(self) -> list[tuple[str, ...]]:
        return [entry for entry in self.log.world.audit if entry[0] == "receipt"]


def edge(
    log: MemoryEventLog | None = None, *, rerun: bool = False, places: Room | None = None, percent: int = 0
) -> Edge:
    """An edge of a deployment of four shards; `percent` of them are the canary's."""
    fresh = FreshShards(MINT, lambda: divided(4, percent, frozenset(Channel))) if percent else FRESH
    log = MemoryEventLog(EDGE) if log is None else log
    outbox, alive = SentMail(), {PROCESS}
    inboxes = Inboxes(outbox)
    inboxes.owners = {Shard(number): PROCESS for number in range(4)}

    async def is_alive(process: ProcessId) -> bool:
        await trio.lowlevel.checkpoint()
        return process in alive

    lost: set[tuple[str, float]] = set()
    store = StoreWatch(lambda: frozenset(lost), CLOCK)
    silent: set[ProcessId] = set()
    options = RelayOptions(process=EDGE, period_s=PERIOD_S, queue_timeout_s=QUEUE_S, rerun=rerun)
    elsewhere = None
    if places is not None:
        elsewhere = Elsewhere(room=places, inboxes=inboxes, mint=MINT, fresh=fresh, process=EDGE, store=store)
    relay = RelayDispatch(
        options, inboxes, outbox, log, is_alive, MINT, CLOCK, fresh, store, silent.__contains__, elsewhere
    )
    return Edge(relay, inboxes, outbox, log, alive, store, lost, silent)


@asynccontextmanager
async def watching(made: Edge) -> AsyncIterator[Edge]:
    """The edge looks up silent runs."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.store.watch)
        nursery.start_soon(made.relay.watch)
        yield made
        nursery.cancel_scope.cancel()


async def run_elsewhere(made: Edge, of: Submission, *script: Script, begin_only: bool = False) -> None:
    """The owner runs the turn, and none of its replies arrive; it dies in the middle if it is to begin only."""
    log = MemoryEventLog(PROCESS, made.log.world)
    log.take_all(4)
    owner = bench(script, log)
    relayed = decode_turn(made.inboxes.put[0][1])
    async with living(owner):
        replies = await owner.submit(_as_relayed(of, SessionId(relayed.session_id)))
        if begin_only:
            await owner.upstream.wait_calls(1)
            await trio.testing.wait_all_tasks_blocked()
        else:
            await end_of(replies)


def _as_relayed(of: Submission, session: SessionId) -> Submission:
    return submission(of.turn, run_id=of.run_id, session_id=session, claimed=True)


async def silence(replies: Replies, limit_s: float) -> Ended | None:
    """The ending that comes within so many seconds, None if none does."""
    with trio.move_on_after(limit_s):
        return await end_of(replies)
    return None
