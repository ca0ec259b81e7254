"""One process of the product without HTTP and without a site: resolution, worker and store are its own, Redis is real.

What an edge does beside that (HTTP, JSON in and out) is the same for a session's first turn and its last, and is
measured by `run.py`; leaving it out is what makes many thousands of turns fit into minutes.
"""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import trio
from measure import cpu_ns
from peers.product import store_pids
from sessions_history import MODEL, answer_to, history, only_new
from sessions_results import Shot, Wave
from store import connect, used_memory

from mix2api.actors.environment import ActorOptions, Environment
from mix2api.actors.worker import MemoryDispatch, Worker
from mix2api.clock import SystemClock
from mix2api.edge.continuing import Continuing
from mix2api.edge.rendering import receipt_of
from mix2api.identity import Mint
from mix2api.process.collector import settle_collector
from mix2api.sessions.evolve import fold
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.resolution import Reuse
from mix2api.sessions.sites import Site as KnownSite
from mix2api.sessions.sites import Sites
from mix2api.sessions.snapshot import decode_snapshot, encode_snapshot
from mix2api.sessions.state import VACANT
from mix2api.sessions.worker_port import Accepted, Ended, Submission
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store
from mix2api.upstreams.port import Finished, Opened, Started, Text, UpstreamCall
from mix2api.upstreams.scripted import ScriptedStream, ScriptedUpstream
from mix2api.vocabulary import SUCCESSES, Channel, Digest, RequestId, SessionId, Shard
from mix2api.wire.turn import Turn

ISOLATION = Digest("1" * 32)
HISTORY, NAME = "history", "name"
_AT_ONCE = 50
"""Turns resolved and run together: what a busy process has in flight, far below all limits."""
_RESOLVERS = 4
SETTLE_S = 0.7
"""Longer than the worker's pulse (0.25 s, twice: what it evicts, and the windows of the log)."""
_LEASE_S = 30.0
"""So long that hardly a renewal falls into a reading."""


class Site:
    """An upstream that answers every call at once, in the session that it is asked to go on with."""

    def __init__(self) -> None:
        self._calls = 0

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[ScriptedStream]:
        """Plays one answer to the newest message."""
        self._calls += 1
        said = answer_to(str(call.messages[-1].content))
        half = len(said) // 2
        script = [
            [Opened(200), Started(call.session or f"site-{self._calls}", f"exchange-{self._calls}")],
            [Text(said[:half])],
            [Text(said[half:]), Finished("stop")],
        ]
        async with ScriptedUpstream([script]).open(call) as stream:
            yield stream


class Unexpected(Exception):
    """A turn did not end well: nothing that was measured beside it can be trusted."""


def _raise(_: SessionId, fault: BaseException) -> NoReturn:
    raise fault


class System:
    """A process over a store of its own."""

    def __init__(self, store: Store, data: Path, idle_max: int, nursery: trio.Nursery) -> None:
        self.store = store
        self.client = connect(data)
        self.mint = Mint(store.seal, SystemClock())
        self._server = store_pids(data)
        self._nursery = nursery
        self._idle_max = idle_max
        self._shards = tuple(store.leases.held)
        self._continuing = self.continuing()
        self._worker: Worker | None = None
        self._dispatch: MemoryDispatch | None = None
        self._life = trio.CancelScope()
        self._last: dict[int, SessionId] = {}

    def _draw(self) -> Shard:
        return self.mint.draw_one(self._shards)

    def continuing(self) -> Continuing:
        """The resolver, as the edge has it."""
        seal = self.store.seal
        return Continuing(
            self.store.sessions,
            seal,
            self.mint,
            Reuse.LINEAGE,
            Sites.single(KnownSite(digest=seal.digest("site", "site"))),
            self._draw,
        )

    async def renew_worker(self, idle_max: int | None = None) -> None:
        """A worker that holds no actor yet; the one before is gone with all of its own."""
        self._life.cancel()
        self._life = trio.CancelScope()
        options = ActorOptions(idle_max=self._idle_max if idle_max is None else idle_max)
        environment = Environment(
            process=self.store.process,
            channel=Channel.STABLE,
            log=self.store.log,
            upstream=Site(),
            clock=SystemClock(),
            seal=self.store.seal,
            options=options,
            model_names=frozenset({MODEL}),
            on_completed=lambda _: None,
            on_unheard=lambda *_: None,
            mint=self.mint,
            reclaim=_never_reclaimed,
            on_schema_fallback=lambda _: None,
            on_fault=_raise,
        )
        worker = Worker(environment, self.mint, self._draw)
        await self._nursery.start(partial(_live, worker, self._life))
        self._worker, self._dispatch = worker, MemoryDispatch(worker, environment)

    async def ask(self, numbers: Iterable[int], turn: int, kind: str = HISTORY) -> Wave:
        """The turn of that number in each of these conversations; CPU is read around resolving and around running."""
        numbers = list(numbers)
        total = Wave(turn, 0, 0.0, 0.0, 0.0, 0.0, 0)
        self._last = {}
        for start in range(0, len(numbers), _AT_ONCE):
            total += await self._ask_some(numbers[start : start + _AT_ONCE], turn, kind)
        return total

    async def _ask_some(self, numbers: list[int], turn: int, kind: str) -> Wave:
        asked = [(number, _turn(number, turn, kind)) for number in numbers]
        submissions: list[tuple[int, Submission]] = []
        waiting = iter(asked)
        begun, redis_begun, wall = time.process_time_ns(), self._redis_ns(), time.monotonic()
        async with trio.open_nursery() as nursery:
            for _ in range(_RESOLVERS):
                nursery.start_soon(self._resolve, waiting, submissions)
        resolved = time.process_time_ns()
        async with trio.open_nursery() as nursery:
            ended: list[bool] = []
            for number, submission in submissions:
                nursery.start_soon(self._run, number, submission, ended)
        spent = time.process_time_ns()
        return Wave(
            turn=turn,
            turns=len(numbers),
            resolve_us=(resolved - begun) / 1000,
            run_us=(spent - resolved) / 1000,
            redis_us=(self._redis_ns() - redis_begun) / 1000,
            wall_s=time.monotonic() - wall,
            not_continued=0 if turn == 1 else ended.count(False),
        )

    async def _resolve(
        self, waiting: Iterable[tuple[int, Turn]], submissions: list[tuple[int, Submission]]
    ) -> None:
        for number, turn in waiting:
            found = await self._continuing.find(prepare(turn), {}, ISOLATION, keyed=False)
            submission = Submission(
                run_id=self.mint.run_id(),
                request_id=RequestId(f"bench-{self.mint.run_id()}"),
                turn=turn,
                body_bytes=1000,
                client="other",
                isolation=found.isolation,
                edge=self.store.process,
                session_id=found.session_id,
                claimed=found.claimed,
                reason=found.reason.value,
                taken=found.taken,
                bind=found.bind,
                lineage=found.lineage,
            )
            submissions.append((number, submission))

    async def _run(self, number: int, submission: Submission, ended: list[bool]) -> None:
        if self._dispatch is None:
            raise Unexpected("no worker")
        replies = await self._dispatch.submit(submission)
        continued = False
        while True:
            for reply in await replies.take():
                if isinstance(reply, Accepted):
                    continued = reply.resolution == "continued"
                    self._last[number] = SessionId(reply.session_id)
                elif isinstance(reply, Ended):
                    if reply.end_reason not in SUCCESSES:
                        raise Unexpected(f"{reply.end_reason}/{reply.detail}")
                    replies.settle(receipt_of(reply))
                    ended.append(continued)
                    return

    async def settle(self) -> None:
        """Lets what is under way be written and what is idle for too long leave memory."""
        await trio.sleep(SETTLE_S)

    async def shot(self, sessions: int, turn: int) -> Shot:
        """What is held now, and what the sessions of the last `ask` have in Redis."""
        picked = list(self._last.values())[:8]
        states, events = 0, 0
        for session_id in picked:
            found = await self.store.log.history(session_id)
            start = VACANT if found.snapshot is None else decode_snapshot(found.snapshot)
            states += len(encode_snapshot(fold((each.event for each in found.recorded), start)))
            events += len(found.recorded)
        return Shot(
            sessions=sessions,
            turn=turn,
            rss_kb=_rss_kb(),
            redis_bytes=used_memory(self.client),
            actors=0 if self._worker is None else self._worker.statistics().actors,
            snapshot_bytes=states / len(picked) if picked else 0.0,
            events=events / len(picked) if picked else 0.0,
        )

    def redis_counts(self) -> tuple[dict[str, int], int]:
        """Calls by command, and pieces read from sockets, without those of this question itself."""
        stats, commands = self.client.info("stats"), self.client.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): int(found["calls"]) for name, found in commands.items()}
        # This client's own questions are not meant; the reads that a count makes itself are in both of two counts.
        return calls, int(stats["total_reads_processed"]) - calls.get("info", 0)

    def _redis_ns(self) -> int:
        return sum(cpu_ns(self._server).values())


async def _never_reclaimed(_: SessionId) -> bool:
    return False


async def _live(
    worker: Worker, scope: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with scope:
        await worker.live(task_status=task_status)


def _turn(number: int, turn: int, kind: str) -> Turn:
    if kind == NAME:
        return Turn(
            model=MODEL, messages=only_new(number, turn), stream=True, session=f"conversation-{number}"
        )
    return Turn(model=MODEL, messages=history(number, turn), stream=True)


def _rss_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


@asynccontextmanager
async def running_system(data: Path, idle_max: int) -> AsyncIterator[System]:
    """A system over an embedded store in `data`, until the block ends; Redis ends with it."""
    async with open_store(StoreOptions(data_dir=data, lease_s=_LEASE_S)) as store:
        await store.heartbeat.beat()
        await store.leases.acquire()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.heartbeat.keep)
            nursery.start_soon(store.leases.keep, lambda _: None)
            system = System(store, data, idle_max, nursery)
            try:
                await system.renew_worker()
                settle_collector()
                yield system
            finally:
                system.client.close()
                nursery.cancel_scope.cancel()
