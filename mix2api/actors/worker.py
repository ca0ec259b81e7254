"""The worker of a process: gives turns to session actors, evicts idle ones, ends what drains too long.

`Worker.live` is the one function in which all actors live and die; nothing of them outlasts it.
"""

from collections.abc import Callable
from typing import Final

import trio
from attrs import frozen

from mix2api.actors import refusals
from mix2api.actors.admission import Admission, Nobody, Others
from mix2api.actors.environment import ACCEPT_LIMIT_S, END_LIMIT_S, Environment
from mix2api.actors.run import Run, Unowned
from mix2api.actors.session import RefusedTurn, SessionActor, SessionMiss
from mix2api.actors.turns import PendingTurn
from mix2api.errors import NoDescriptor, Overloaded, StoreUnavailable
from mix2api.identity import Mint, shard_of
from mix2api.sessions.aborting import AbortAsked, AbortOutcome
from mix2api.sessions.resolution import Reason
from mix2api.sessions.state import VACANT, SessionState
from mix2api.sessions.worker_port import Replies, Submission
from mix2api.store.newcomer import Newcomer
from mix2api.vocabulary import Detail, Digest, Retirement, RunId, SessionId, Shard

Start = Callable[..., None]
ENDING_S: Final = ACCEPT_LIMIT_S + 2 * END_LIMIT_S
"""Within this a run that is told to stop has ended: its acceptance and its `end` have limits, the rest does not wait."""


@frozen(kw_only=True)
class WorkerStatistics:
    """What the worker holds at this moment."""

    runs: int
    """Turns taken and not yet ended, waiting ones included."""
    waiting: int
    """Those among them that wait for a slot."""
    actors: int
    idle: int
    drained: bool
    room: int
    """Turns that would begin at once."""
    queue_room: int
    """Turns that would wait without another one giving way."""


class Worker:
    """All actors of a process.

    Args:
        environment: what the actors are given.
        mint: makes session ids.
        draw_shard: a shard of this process's own for a fresh session; raises `Overloaded` where it has none.
        others: what callers have in other processes.
    """

    def __init__(
        self,
        environment: Environment,
        mint: Mint,
        draw_shard: Callable[[], Shard],
        others: Others = Nobody(),  # noqa: B008 - frozen
    ) -> None:
        self._env = environment
        self._mint = mint
        self._draw_shard = draw_shard
        self._actors: dict[SessionId, SessionActor] = {}
        self._unlogged: dict[Run, None] = {}
        options = environment.options
        self._admission: Admission[PendingTurn] = Admission(
            options.max_concurrency, options.queue_max, others
        )
        self._all_ended = trio.Event()
        self._accepting = False
        self._start: Start | None = None

    def statistics(self) -> WorkerStatistics:
        """Counts, for health and the log."""
        idle = sum(1 for actor in self._actors.values() if actor.idle_since_ms is not None)
        return WorkerStatistics(
            runs=self._admission.running + self._admission.waiting,
            waiting=self._admission.waiting,
            actors=len(self._actors),
            idle=idle,
            drained=not self._accepting,
            room=self._admission.slots - self._admission.running if self._accepting else 0,
            queue_room=self._admission.queue_room if self._accepting else 0,
        )

    def heaviest(self, count: int) -> dict[Digest, int]:
        """The slots of the callers that hold the most of them, so many callers at most."""
        return self._admission.heaviest(count)

    def longest(self, count: int) -> dict[Digest, int]:
        """The waiting turns of the callers with the most of them, so many callers at most."""
        return self._admission.longest(count)

    def level(self) -> int | None:
        """Slots in the deployment of the caller that the next free slot is for; None: no turn is taken any more."""
        return self._admission.level if self._accepting else None

    def newcomer(self, caller: Digest) -> Newcomer:
        """A turn of that caller for which no slot is free."""
        return self._admission.newcomer(caller)

    @property
    def is_full(self) -> bool:
        """Whether a turn would have to wait for a slot."""
        return not self._admission.has_room

    def submit(self, turn: PendingTurn) -> None:
        """Hands a turn to its session's actor, or has it wait until a slot is free (`Admission`).

        Raises:
            Overloaded: the queue or the session takes no more, or the process is stopping.
        """
        if not self._accepting:
            raise Overloaded("this process is stopping; try again", detail=Detail.DRAIN)
        if self._admission.has_room:
            self._begin_turn(turn)
            return
        gives_way = self._admission.wait(turn.caller, turn)
        if gives_way is turn:
            raise refusals.full()
        turn.on_over = self._leave_queue
        if gives_way is not None:
            gives_way.end(refusals.told(refusals.full()))

    def running(self) -> frozenset[RunId]:
        """The runs that somebody is at."""
        return frozenset(actor.running for actor in self._actors.values() if actor.running is not None)

    def abort(self, asked: AbortAsked) -> AbortOutcome:
        """Ends the runs that are asked for and the caller's. A client session may have one in each realm, so all are looked at."""
        if asked.session_id is not None:
            actor = self._actors.get(asked.session_id)
            return AbortOutcome() if actor is None else actor.abort(asked)
        outcomes = [actor.abort(asked) for actor in self._actors.values()]
        runs = [outcome.run for outcome in outcomes if outcome.run is not None]
        return AbortOutcome(run=max(runs, key=lambda run: run.started_ms, default=None))

    def retire(self, session_id: SessionId, told: Callable[[Retirement], None]) -> None:
        """Has a session never continued again; `told` hears what became of it."""
        if not self._accepting:
            told(Retirement.NOT_OWNER)
            return
        actor = self._actors.get(session_id) or self._begin(session_id, None)
        actor.retire(told)

    def lost(self, shard: Shard) -> None:
        """The shard is another process's: what is known of its sessions may not be true when it comes back."""
        for actor in self._actors.values():
            if shard_of(actor.session_id) == shard:
                actor.forget()

    async def live(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Runs the actors until cancelled; `drain` first, or what runs is left to recovery."""
        async with trio.open_nursery() as nursery:
            # The nursery's own `start_soon`, lent to `submit` for as long as this block is open.
            self._start = nursery.start_soon
            self._accepting = True
            task_status.started()
            try:
                await self._pulse()
            finally:
                self._accepting = False
                self._start = None

    async def drain(self, limit_s: float) -> None:
        """Takes no more turns, waits for the running ones, ends those that are not done after `limit_s` seconds.

        Ending them takes `ENDING_S` seconds at most. Turns that wait for a slot are refused at once: the leases are given
        up, so none of them could be accepted here. Those that came by an inbox are left to the shard's next owner.
        """
        self._accepting = False
        for turn in self._admission:
            turn.end(refusals.draining() if turn.inbox_entry is None else refusals.not_owner())
        with trio.move_on_after(limit_s):
            await self._wait_all_ended()
        for actor in list(self._actors.values()):
            actor.drain()
        with trio.move_on_after(ENDING_S):
            await self._wait_all_ended()

    async def _wait_all_ended(self) -> None:
        while self._admission.running:
            self._all_ended = trio.Event()
            await self._all_ended.wait()

    def _begin_turn(self, turn: PendingTurn) -> None:
        """Gives a turn one of the free slots.

        Raises:
            Overloaded: its session takes no more, or there is no shard for a fresh one.
        """
        self._actor_for(turn).offer(turn)
        self._admission.begin(turn.caller)

    def _leave_queue(self, turn: PendingTurn) -> None:
        """A turn ended while it waited for a slot: its client left, or it was refused."""
        self._admission.leave(turn.caller, turn)

    def _fill(self) -> None:
        """Gives the free slots to those that wait."""
        while self._accepting and self._admission.has_room and (turn := self._admission.next()) is not None:
            turn.on_over = None
            try:
                self._begin_turn(turn)
            except Overloaded as fault:
                turn.end(refusals.told(fault))

    def _actor_for(self, turn: PendingTurn) -> SessionActor:
        session_id = turn.submission.session_id
        if session_id is None:
            return self._fresh(turn.fresh_session or self._mint.session_id(self._draw_shard()))
        if turn.submission.claimed:
            return self._actors.get(session_id) or self._fresh(session_id)
        return self._actors.get(session_id) or self._begin(session_id, None)

    def _fresh(self, session_id: SessionId) -> SessionActor:
        return self._begin(session_id, VACANT)

    def _begin(self, session_id: SessionId, state: SessionState | None) -> SessionActor:
        actor = SessionActor(self._env, session_id, state, self._unlogged, self._ended_one)
        self._actors[session_id] = actor
        if self._start is not None:
            self._start(self._serve, actor)
        return actor

    async def _serve(self, actor: SessionActor) -> None:
        """An actor's life. The turns that it cannot take are not lost: they go to fresh sessions.

        Every task of a run stands on this coroutine, and each further one between the two is gone through for every delta.
        """
        try:
            while not actor.retired and (turn := await actor.next_turn()) is not None:
                try:
                    await actor.take(turn)
                except Exception as fault:  # noqa: BLE001 - the supervisor of actors: one session's fault stays its own
                    self._not_taken(actor, turn, fault)
                else:
                    self._ended_one(turn)
                del turn  # no variable may refer to the last turn while the actor is idle
        finally:
            if self._actors.get(actor.session_id) is actor:
                del self._actors[actor.session_id]
        for turn in actor.close():
            self._redirect(actor, turn, Reason.RETIRED)

    def _not_taken(self, actor: SessionActor, turn: PendingTurn, fault: Exception) -> None:
        """Has a turn whose actor failed go on elsewhere, or ends it."""
        match fault:
            case SessionMiss():
                self._redirect(actor, turn, fault.why)
                return
            case RefusedTurn():
                turn.end(fault.ended)
            case Unowned():
                if self._moves(actor, turn):
                    return
                turn.end(refusals.not_owner())
            case StoreUnavailable():
                starved = isinstance(fault, NoDescriptor)
                if not starved:
                    self._env.log.refused(1)
                turn.end(refusals.not_logged(away=True, starved=starved))
            case _:
                self._env.on_fault(actor.session_id, fault)
                turn.end(refusals.adapter_fault(fault))
        self._ended_one(turn)

    def _redirect(self, actor: SessionActor, turn: PendingTurn, why: Reason) -> None:
        """Gives a turn whose session cannot be continued to a fresh one: in the same shard, where its inbox entry is."""
        if why is Reason.SCHEMA_FALLBACK:
            self._env.on_schema_fallback(actor.session_id)
        if turn.submission.turn.previous_response is not None:
            turn.end(refusals.previous_gone())  # its history is the session's alone
            self._ended_one(turn)
            return
        turn.resolution_reason = why.value
        self._fresh(self._mint.session_id(shard_of(actor.session_id))).offer(turn)

    def _moves(self, actor: SessionActor, turn: PendingTurn) -> bool:
        """Whether the turn, which may be run anywhere, went to another shard of this process's own."""
        if turn.submission.session_id is not None or turn.inbox_entry is not None:
            return False
        try:
            shard = self._draw_shard()
        except Overloaded:
            return False
        if shard == shard_of(actor.session_id):
            return False
        self._fresh(self._mint.session_id(shard)).offer(turn)
        return True

    def _ended_one(self, turn: PendingTurn) -> None:
        """A turn has left its slot."""
        self._admission.end(turn.caller)
        self._fill()
        if not self._admission.running:
            self._all_ended.set()

    async def _pulse(self) -> None:
        """One timer for all sessions: logs held deltas, refuses what waited too long, evicts the idle."""
        while True:
            await trio.sleep(self._env.options.chunk_window_s)
            self._flush()
            self._sweep()

    def _flush(self) -> None:
        """A function of its own: a loop variable of `_pulse` would refer to the last run until the next one."""
        for run in list(self._unlogged):
            run.flush()

    def _sweep(self) -> None:
        now_ms = self._env.clock.monotonic_ms()
        for turn in self._admission:
            if turn.deadline_ms <= now_ms:
                turn.end(refusals.queued_too_long())
        idle: list[SessionActor] = []
        for actor in list(self._actors.values()):  # a slot that becomes free makes the next turn's actor
            if actor.idle_since_ms is not None:
                idle.append(actor)
            else:
                actor.expire(now_ms)
        idle.sort(key=lambda actor: actor.idle_since_ms or 0.0)
        surplus = len(idle) - self._env.options.idle_max
        oldest_ms = now_ms - self._env.options.idle_s * 1000
        for place, actor in enumerate(idle):
            if place < surplus or (actor.idle_since_ms or 0.0) <= oldest_ms:
                actor.close()
                del self._actors[actor.session_id]


class MemoryDispatch:
    """The `Dispatch` port where edge and worker share a process: turns go over in memory, content never leaves it."""

    def __init__(self, worker: Worker, environment: Environment) -> None:
        self._worker = worker
        self._env = environment

    @property
    def is_full(self) -> bool:
        """Whether a turn would have to wait for a slot here."""
        return self._worker.is_full

    def newcomer(self, submission: Submission) -> Newcomer:
        """A turn that would have to wait here."""
        return self._worker.newcomer(submission.caller or submission.isolation)

    async def submit(self, submission: Submission) -> Replies:
        """Hands a turn over; does not wait.

        Raises:
            mix2api.errors.Overloaded: this process takes no more.
        """
        turn = PendingTurn(
            submission=submission,
            deadline_ms=self._env.clock.monotonic_ms() + self._env.options.queue_timeout_s * 1000,
            log=self._env.log,
        )
        self._worker.submit(turn)
        return turn.reader()
