"""One connection to Redis, owned by one thread and used from trio.

redis-py blocks, so it lives in a thread; jobs go in through a queue, replies come back by `TrioToken.run_sync_soon`,
one call for all jobs of a round trip. The thread reads every reply of what it sent, whether anybody still waits
or not: a cancelled waiter can never leave the connection one reply behind. What was cut is told (`StoreUnavailable`)
and never sent again from here: only the caller knows whether a repeat is harmless (ADR 0002, ADR 0003).
"""

import queue
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import hiredis
import outcome
import trio
from attrs import define, field
from redis.exceptions import RedisError, ResponseError

from mix2api.clock import SystemClock
from mix2api.errors import StoreUnavailable
from mix2api.store.location import BlockingConnection, RedisLocation, Timeouts

Command = tuple[str | bytes | int, ...]
Reply = Any
"""What Redis said: bytes, int, None, a list of these, or a `ResponseError`."""

_JOBS_PER_TRIP: Final = 64
"""Bounds the replies held for one delivery; more jobs than that never wait at once on one link."""
_STALL_MS: Final = 400.0
"""Unanswered for this long counts as away: new requests must be refused within 500 ms."""
_FIRST_PAUSE_MS: Final = 50.0
_LONGEST_PAUSE_MS: Final = 1000.0
"""Between attempts to connect, doubling: a restarted server is found within a second, and a dead one costs nothing."""
_CLOSE_S: Final = 3.0
"""More than the thread may need for the one connect or read that it is in (2 s by default)."""


@define(eq=False)
class _Job:
    """Commands on their way and the task that waits; `task` is None once nobody waits."""

    packed: bytes
    count: int
    task: trio.lowlevel.Task | None
    result: outcome.Outcome[list[Reply]] | None = None


@define(eq=False)
class RedisLink:
    """A connection to Redis. Starts its thread with the first command; reconnects by itself once it was used.

    Args:
        location: the server.
        timeouts: for connecting and for each reply.
        name: of the connection and its thread.
    """

    location: RedisLocation
    timeouts: Timeouts
    name: str
    _queue: "queue.SimpleQueue[_Job | None]" = field(factory=queue.SimpleQueue, init=False)
    _clock: SystemClock = field(factory=SystemClock, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _token: trio.lowlevel.TrioToken | None = field(default=None, init=False)
    _connection: BlockingConnection | None = field(default=None, init=False)
    _closing: bool = field(default=False, init=False)
    _finished: trio.Event = field(factory=trio.Event, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)
    _down: bool = field(default=False, init=False)
    _pause_ms: float = field(default=_FIRST_PAUSE_MS, init=False)
    _retry_at_ms: float = field(default=0.0, init=False)
    _sent_at_ms: float | None = field(default=None, init=False)

    @property
    def is_down(self) -> bool:
        """Whether the server is known to be away, or has left a command unanswered for 400 ms. Never waits."""
        sent_at = self._sent_at_ms
        return self._down or (sent_at is not None and self._clock.monotonic_ms() - sent_at > _STALL_MS)

    async def execute(self, *commands: Command) -> list[Reply]:
        """Sends commands in one round trip and gives their replies, error replies as exceptions in the list.

        Raises:
            StoreUnavailable: not connected, or the connection broke: the commands may or may not have been run.
        """
        if self._closing:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable
        task = trio.lowlevel.current_task()
        job = _Job(_packed(commands), len(commands), task)
        self._start()
        self._queue.put(job)

        def abandon(_: Any) -> trio.lowlevel.Abort:
            job.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        replies: list[Reply] = await trio.lowlevel.wait_task_rescheduled(abandon)
        return replies

    async def wait_up(self) -> None:
        """Waits until the connection stands again; at once if it was never lost, for ever if the link was closed."""
        while self._down or self._closing:
            await self._changed.wait()

    async def wait_down(self) -> None:
        """Waits until the connection is lost."""
        while not self._down:
            await self._changed.wait()

    async def aclose(self) -> None:
        """Ends the thread and the connection; waiting jobs get `StoreUnavailable`. Safe to call twice."""
        self._closing = True
        self._note_change()
        if self._thread is None:
            return
        self._queue.put(None)
        self._interrupt()
        with trio.move_on_after(_CLOSE_S, shield=True):
            await self._finished.wait()

    def _start(self) -> None:
        if self._thread is None:
            self._token = trio.lowlevel.current_trio_token()
            self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)
            self._thread.start()

    def _interrupt(self) -> None:
        """Wakes the thread from a read. Only a shutdown: a close would free the number of a descriptor in use."""
        sock = getattr(self._connection, "_sock", None)
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _deliver(self, jobs: list[_Job]) -> None:
        """In trio's thread: wakes those who still wait."""
        for job in jobs:
            task, job.task = job.task, None
            if task is not None and job.result is not None:
                trio.lowlevel.reschedule(task, job.result)

    # What follows runs in the link's own thread.

    def _serve(self) -> None:
        try:
            while not self._closing:
                jobs = self._next_jobs()
                if jobs or self._down:
                    self._round_trip(jobs)
        finally:
            self._closing = True
            self._drop()
            rest = self._drained([])
            self._fail(rest)
            self._tell(self._deliver, rest)
            self._tell(self._finished.set)

    def _next_jobs(self) -> list[_Job]:
        wait_s = max(0.0, self._retry_at_ms - self._clock.monotonic_ms()) / 1000 if self._down else None
        try:
            first = self._queue.get(timeout=wait_s)
        except queue.Empty:
            return []
        return [] if first is None else self._drained([first])

    def _drained(self, jobs: list[_Job]) -> list[_Job]:
        with suppress(queue.Empty):
            while len(jobs) < _JOBS_PER_TRIP or self._closing:
                job = self._queue.get_nowait()
                if job is not None:
                    jobs.append(job)
        return jobs

    def _round_trip(self, jobs: list[_Job]) -> None:
        try:
            connection = self._connected()
            if jobs and connection is not None:
                self._sent_at_ms = self._clock.monotonic_ms()
                connection.send_packed_command([b"".join([job.packed for job in jobs])], check_health=False)
                for job in jobs:
                    job.result = outcome.Value([_read(connection) for _ in range(job.count)])
        except (RedisError, OSError):
            self._lost()
        self._sent_at_ms = None
        self._fail(jobs)
        self._tell(self._deliver, jobs)

    def _connected(self) -> BlockingConnection | None:
        """The connection, made anew if need be; None while it is too early to try again."""
        connection = self._connection
        if connection is not None:
            if not _has_leftovers(connection):
                return connection
            self._drop()
        if self._down and self._clock.monotonic_ms() < self._retry_at_ms:
            return None
        connection = self._connection = self.location.connection(self.timeouts, self.name)
        connection.connect()
        if self._closing:  # `aclose` may have looked for a socket to interrupt before there was this one
            raise ConnectionAbortedError
        if self._down:
            self._down = False
            self._pause_ms = _FIRST_PAUSE_MS
            self._tell(self._note_change)
        return connection

    def _lost(self) -> None:
        """Drops the connection and sets the time of the next attempt: the pause, half of it at random."""
        self._drop()
        jitter = 0.5 + secrets.randbelow(500) / 1000
        self._retry_at_ms = self._clock.monotonic_ms() + self._pause_ms * jitter
        self._pause_ms = min(_LONGEST_PAUSE_MS, self._pause_ms * 2)
        if not self._down:
            self._down = True
            self._tell(self._note_change)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    @staticmethod
    def _fail(jobs: list[_Job]) -> None:
        for job in jobs:
            if job.result is None:
                job.result = outcome.Error(StoreUnavailable())

    def _tell(self, function: Any, *arguments: Any) -> None:
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(function, *arguments)


def _packed(commands: tuple[Command, ...]) -> bytes:
    """All commands in Redis's protocol. Raises `TypeError` here, in the caller's task, on what cannot be sent."""
    pack: Callable[[Any], bytes] = hiredis.pack_command  # its stub knows only tuples of one
    return b"".join(map(pack, commands))


def _read(connection: BlockingConnection) -> Reply:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as refusal:
        return refusal


def _has_leftovers(connection: BlockingConnection) -> bool:
    """Whether something is there to read before anything was asked: the server's goodbye, or somebody else's reply."""
    try:
        return connection.can_read(0)
    except RedisError:
        return True
