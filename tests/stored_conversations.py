"""Conversations over a real Redis without HTTP: resolution, a worker and the store, the site played by a script.

Every chat has a worker of its own, so that its session always comes back from what stands in Redis.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from actor_parts import CLOCK, EDGE, MODEL, all_of, ended, never_reclaimed, text_of
from attrs import define, field, frozen
from histories import Given, answer, messages
from store_parts import MINT, running_store

from mix2api.actors.environment import ActorOptions, Environment
from mix2api.actors.worker import MemoryDispatch, Worker
from mix2api.edge.continuing import Continuing
from mix2api.events.versions import CURRENT, Schema
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.resolution import Reuse
from mix2api.sessions.sites import Site as KnownSite
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Accepted, Ended, Submission
from mix2api.store.store import Store
from mix2api.upstreams.port import Finished, Opened, Started, Text, UpstreamCall
from mix2api.upstreams.scripted import Script, ScriptedStream, ScriptedUpstream
from mix2api.vocabulary import Channel, Digest, EndReason, RequestId, SessionId, Shard
from mix2api.wire.turn import Turn

SHARD = Shard(7)
ISOLATION = Digest("1" * 32)
LIMIT_S = 60
"""A guard against hanging."""


class Site:
    """An upstream that answers every call with a number, in the session that it is asked to go on with."""

    def __init__(self) -> None:
        self.calls: list[UpstreamCall] = []

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[ScriptedStream]:
        self.calls.append(call)
        number = len(self.calls)
        script: Script = [
            [Opened(200), Started(call.session or f"site-{number}", f"exchange-{number}")],
            [Text(f"answer {number}")],
            [Finished("stop")],
        ]
        async with ScriptedUpstream([script]).open(call) as stream:
            yield stream


@frozen
class Said:
    """What became of one chat."""

    session_id: SessionId
    resolution: str
    reason: str
    text: str
    end: Ended

    def message(self) -> Given:
        """The answer as a client echoes it."""
        return answer(self.text)


@define(eq=False, kw_only=True)
class Conversations:
    """One process over the store."""

    store: Store
    shard: Shard
    site: Site = field(factory=Site)
    fallbacks: list[SessionId | None] = field(factory=list)
    """`schema_fallback`s counted."""
    options: dict[str, Any] = field(factory=dict)

    def continuing(self, reuse: Reuse = Reuse.LINEAGE) -> Continuing:
        return Continuing(
            self.store.sessions,
            self.store.seal,
            MINT,
            reuse,
            Sites.single(KnownSite(digest=self.store.seal.digest("site", "site"))),
            lambda: self.shard,
            lambda: self.fallbacks.append(None),
        )

    def environment(self) -> Environment:
        return Environment(
            process=self.store.process,
            channel=Channel.STABLE,
            log=self.store.log,
            upstream=self.site,
            clock=CLOCK,
            seal=self.store.seal,
            options=ActorOptions(**self.options),
            model_names=frozenset({MODEL}),
            mint=MINT,
            reclaim=never_reclaimed,
            on_completed=lambda _: None,
            on_audited=lambda *_: None,
            on_unheard=lambda *_: None,
            on_schema_fallback=self.fallbacks.append,
            on_fault=_raise,
        )

    async def submission(self, *given: Given, **fields: Any) -> Submission:
        """A request, resolved. Fields: the turn's, and `headers`, `keyed`, `isolation`."""
        headers, keyed = fields.pop("headers", {}), fields.pop("keyed", False)
        isolation = fields.pop("isolation", ISOLATION)
        turn = Turn(model=MODEL, messages=messages(*given), stream=True, **fields)
        found = await self.continuing().find(prepare(turn), headers, isolation, keyed=keyed)
        return Submission(
            run_id=MINT.run_id(),
            request_id=RequestId("req-1"),
            turn=turn,
            body_bytes=100,
            client="other",
            isolation=found.isolation,
            edge=EDGE,
            session_id=found.session_id,
            claimed=found.claimed,
            reason=found.reason.value,
            taken=found.taken,
            bind=found.bind,
            lineage=found.lineage,
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[MemoryDispatch]:
        """A worker, for as long as the block is open."""
        environment = self.environment()
        worker = Worker(environment, MINT, lambda: self.shard)
        async with trio.open_nursery() as nursery:
            await nursery.start(worker.live)
            yield MemoryDispatch(worker, environment)
            nursery.cancel_scope.cancel()

    async def chat(self, *given: Given, **fields: Any) -> Said:
        """One turn, by a worker that is made for it."""
        async with self.working() as dispatch:
            return await self.say(dispatch, *given, **fields)

    async def say(self, dispatch: MemoryDispatch, *given: Given, **fields: Any) -> Said:
        """One turn, by this worker."""
        replies = await all_of(await dispatch.submit(await self.submission(*given, **fields)))
        accepted, end = replies[0], ended(replies)
        assert isinstance(accepted, Accepted), end
        assert end.end_reason is EndReason.STOP, end
        return Said(
            SessionId(accepted.session_id), accepted.resolution, accepted.reason, text_of(replies), end
        )


def _raise(_: SessionId, fault: BaseException) -> None:
    raise fault


@asynccontextmanager
async def conversations(
    url: str, *, schema: Schema = CURRENT, shard: Shard = SHARD, **options: Any
) -> AsyncIterator[Conversations]:
    """Conversations over the Redis at `url`, by a process that owns one shard; options are `ActorOptions`' own."""
    with trio.fail_after(LIMIT_S):
        async with running_store(url, schema) as store:
            await store.leases.acquire([shard])
            yield Conversations(store=store, shard=shard, options=options)
