"""One connection to Redis, used by many tasks of trio: one round trip at a time, for all that wait.

Whoever hands commands in sends them at once where nothing is under way; what is handed in meanwhile goes together when
the replies are there. A task of the link's own reads *every* reply, whether anybody still waits or not: a cancelled
waiter can never leave the connection one reply behind. What was cut is told (`StoreUnavailable`) and never sent again
from here: only the caller knows whether a repeat is harmless (ADR 0002). Sending and reading happen on the socket in
trio's own loop; redis-py connects (ADR 0012).
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Final

import outcome
import trio
from attrs import define, field
from redis.exceptions import RedisError

from mix2api.descriptors import none_left
from mix2api.errors import StoreUnavailable
from mix2api.machine import Machine
from mix2api.store.redis.dialing import Dial, dial
from mix2api.store.redis.link import Command, NotSent, NotSentForWant, Told
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.wire import BrokenWire, Reply, StaleWire, Wire, packed
from mix2api.store.willingness import Unwilling, unwilling

_JOBS_PER_TRIP: Final = 64
"""Bounds the replies held for one delivery; more jobs than that never wait at once on one link."""
_STALL_MS: Final = 400.0
"""Unanswered for this long counts as away: new requests must be refused within 500 ms."""
_FIRST_PAUSE_MS: Final = 50.0
_LONGEST_PAUSE_MS: Final = 1000.0
"""Between attempts to connect, doubling: a restarted server is found within a second, and a dead one costs nothing."""


@define(eq=False)
class Job:
    """Commands on their way; `hear` is None once nobody waits."""

    packed: bytes
    count: int
    hear: Callable[[Told], None] | None


@define(eq=False)
class ServerLink:
    """A connection to Redis. Starts its task with the first command; reconnects by itself once it was used.

    Args:
        location: the server.
        timeouts: for connecting and for each reply.
        name: of the connection and its task.
        machine: of the process.
        dial: makes its wires.
    """

    location: RedisLocation
    timeouts: Timeouts
    name: str
    machine: Machine = field(factory=Machine, kw_only=True)
    dial: Dial = field(default=dial, kw_only=True)
    _jobs: list[Job] = field(factory=list, init=False)
    """Handed in, and not sent yet."""
    _under_way: list[Job] = field(factory=list, init=False)
    _work: trio.Event = field(factory=trio.Event, init=False)
    _task: trio.CancelScope | None = field(default=None, init=False)
    _wire: Wire | None = field(default=None, init=False)
    _closing: bool = field(default=False, init=False)
    _finished: trio.Event = field(factory=trio.Event, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)
    _down: bool = field(default=False, init=False)
    _pause_ms: float = field(default=_FIRST_PAUSE_MS, init=False)
    _retry_at_ms: float = field(default=0.0, init=False)
    _sent_at_ms: float | None = field(default=None, init=False)
    _why: Unwilling | None = field(default=None, init=False)
    _starved: bool = field(default=False, init=False)
    """The last attempt to connect failed for want of a file descriptor."""

    @property
    def is_down(self) -> bool:
        """Whether the server is known to be away, or has left a command unanswered for 400 ms. Never waits."""
        sent_at = self._sent_at_ms
        if self._down or sent_at is None or self.machine.clock.monotonic_ms() - sent_at <= _STALL_MS:
            return self._down
        return self._wire is not None and self._wire.silence_s() * 1000 > _STALL_MS

    @property
    def is_lost(self) -> bool:
        """Whether the connection is lost: what is handed in now is not sent, unless it stands again in that moment."""
        return self._down or self._closing

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left."""
        return self._down and self._starved

    @property
    def why(self) -> Unwilling | None:
        """The word with which the server turned the last connection away; None while it is up, or if it said nothing."""
        return self._why if self._down else None

    @property
    def silent_since_ms(self) -> float | None:
        """Since when (monotonic) a command is unanswered, if that is over 400 ms ago; 0 while the connection is lost.

        None: nothing is known against it. Two equal values show that nothing was answered between the two looks.
        """
        if self._down:
            return 0.0
        return self._sent_at_ms if self.is_down else None

    async def execute(self, *commands: Command) -> list[Reply]:
        """Sends commands in one round trip and gives their replies, error replies as exceptions in the list.

        Raises:
            NotSent: not connected.
            StoreUnavailable: the connection broke: the commands may or may not have been run.
        """
        if self._closing or not commands:
            await trio.lowlevel.checkpoint()
            if self._closing:
                raise NotSent
            return []
        job = self.hand_in(commands, partial(_wake, trio.lowlevel.current_task()))

        def abandon(_: Any) -> trio.lowlevel.Abort:
            job.hear = None
            return trio.lowlevel.Abort.SUCCEEDED

        replies: list[Reply] = await trio.lowlevel.wait_task_rescheduled(abandon)
        return replies

    partly = execute
    """One server answers all commands, or none."""

    def servers(self) -> "tuple[ServerLink]":
        """The one server."""
        return (self,)

    def hand_in(self, commands: Sequence[Command], hear: Callable[[Told], None]) -> Job:
        """Sends commands in one round trip, now or after the one under way; never waits.

        Args:
            commands: at least one.
            hear: told what became of them, later and once. Must not raise.

        Raises:
            NotSent: the link is closed; `hear` is told nothing.
            TypeError: what cannot be sent; `hear` is told nothing.
        """
        if self._closing:
            raise NotSent
        job = Job(b"".join(map(packed, commands)), len(commands), hear)
        self._jobs.append(job)
        if self._wire is None:
            self._start()
            self._work.set()
        elif not self._under_way:
            self._begin()
        return job

    async def wait_up(self, *_keys: str) -> None:
        """Waits until the connection stands again; at once if it was never lost, for ever if the link was closed."""
        while self._down or self._closing:
            await self._changed.wait()

    async def wait_down(self) -> None:
        """Waits until the connection is lost."""
        while not self._down:
            await self._changed.wait()

    async def aclose(self) -> None:
        """Ends the task and the connection; waiting jobs get `StoreUnavailable`. Safe to call twice."""
        self._closing = True
        self._note_change()
        if self._task is None:
            return
        self._task.cancel()
        with trio.CancelScope(shield=True):
            await self._finished.wait()

    def _start(self) -> None:
        if self._task is None:
            self._task = trio.CancelScope()
            # Not a child of whoever happens to use the link first: it lives until `aclose`.
            trio.lowlevel.spawn_system_task(self._serve, name=self.name)

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _serve(self) -> None:
        try:
            with self._task or trio.CancelScope():
                while not self._closing:
                    if self._wire is None:
                        await self._wait_wanted()
                        await self._connect()
                    else:
                        await self._receive(self._wire)
        finally:
            self._closing = True
            self._drop()
            self._cut()
            self._refuse_waiting()
            self._finished.set()

    def _begin(self) -> None:
        """Sends what waits. A connection that turns out to have ended is the reading task's to replace: all of it waits on."""
        jobs = self._jobs[:_JOBS_PER_TRIP]
        packed, count = jobs[0].packed, jobs[0].count
        if len(jobs) > 1:
            packed, count = b"".join([job.packed for job in jobs]), sum([job.count for job in jobs])
        if self._wire is not None and self._wire.begin(packed, count):
            self._under_way = jobs
            del self._jobs[:_JOBS_PER_TRIP]
            self._sent_at_ms = self.machine.clock.monotonic_ms()

    async def _receive(self, wire: Wire) -> None:
        """Waits for the replies to what is under way, begins what waits, and tells."""
        try:
            replies = await wire.receive()
        except StaleWire:
            self._drop()
        except (RedisError, OSError, BrokenWire) as fault:
            self._lost(fault)
        else:
            jobs, self._under_way, self._sent_at_ms = self._under_way, [], None
            if self.location.sentinels is not None and any(map(_is_of_a_replica, replies)):
                self._drop()  # a failover has made it one: the next connection is to the master
                self._work.set()
            elif self._jobs:
                self._begin()
            for job in jobs:
                of_job, replies = replies[: job.count], replies[job.count :]
                if job.hear is not None:
                    job.hear(of_job)

    async def _wait_wanted(self) -> None:
        """Waits until somebody wants the connection; one that was lost is wanted again when its pause is over."""
        if not self._jobs:
            wait_s = (
                max(0.0, self._retry_at_ms - self.machine.clock.monotonic_ms()) / 1000 if self._down else inf
            )
            with trio.move_on_after(wait_s):
                await self._work.wait()
        self._work = trio.Event()

    async def _connect(self) -> None:
        """Connects, and begins what waits. While it is too early to try again, what waits is refused."""
        if self._down and self.machine.clock.monotonic_ms() < self._retry_at_ms:
            self._refuse_waiting()
            return
        try:
            self._wire = await self.dial(self.location, self.timeouts, self.name)
        except (RedisError, OSError) as fault:
            self._lost(fault)
            fault.__traceback__ = None  # its frames would refer to the fault
            self._refuse_waiting()
            return
        if self._down:
            self._down = False
            self._pause_ms = _FIRST_PAUSE_MS
            self._note_change()
        if self._jobs:
            self._begin()

    def _lost(self, fault: Exception) -> None:
        """Drops the connection and sets the time of the next attempt: the pause, half of it at random."""
        self._drop()
        self._starved, self._why = none_left(fault), unwilling(fault)
        jitter = 0.5 + self.machine.randomness.below(500) / 1000
        self._retry_at_ms = self.machine.clock.monotonic_ms() + self._pause_ms * jitter
        self._pause_ms = min(_LONGEST_PAUSE_MS, self._pause_ms * 2)
        if not self._down:
            self._down = True
            self._note_change()
        self._cut()

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _cut(self) -> None:
        """Tells those whose commands had left: nobody knows whether they were run."""
        jobs, self._under_way, self._sent_at_ms = self._under_way, [], None
        for job in jobs:
            if job.hear is not None:
                job.hear(StoreUnavailable())

    def _refuse_waiting(self) -> None:
        """Tells those whose commands have not left that they will not."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            if job.hear is not None:
                job.hear(NotSentForWant() if self.is_starved else NotSent())


def _is_of_a_replica(reply: Reply) -> bool:
    return isinstance(reply, Exception) and unwilling(reply) is Unwilling.READONLY


def _wake(task: trio.lowlevel.Task, told: Told) -> None:
    """Ends the wait of `execute`."""
    trio.lowlevel.reschedule(
        task, outcome.Error(told) if isinstance(told, Exception) else outcome.Value(told)
    )
