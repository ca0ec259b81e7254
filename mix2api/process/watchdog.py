"""Notices that the event loop does not turn: says where it is held, and gives the process's leases up.

A step of any task that takes long (a hostile input, a blocking call, a slow reader of the log) stops everything that the
process does, its renewals included. A thread looks at a stamp that a task of the loop writes all the time. It acts in two
stages:

1. The loop has stood still for `HELD_MS`: one line, `loop.held`, with the place.
2. It has stood still for two thirds of a lease: the leases are given up, so that other processes can take the shards. The
   heartbeat is kept up for some leases more, so that nobody ends the runs of a process that will go on. After that it
   runs out, and the runs end as those of a lost process do.

When the loop turns again it says how long it stood (`loop.turned`), forgets what was given up, and takes leases as usual.
A thread runs only while the interpreter lets it: a single call of a C library that never returns cannot be noticed.
"""

import sys
import threading
from collections.abc import Callable
from typing import Final

import trio
from structlog.typing import FilteringBoundLogger

from mix2api.clock import Clock
from mix2api.redaction import place_of_frame
from mix2api.store.leases import LeaseChange
from mix2api.store.store import Store
from mix2api.store.surrender import surrender
from mix2api.vocabulary import Shard

HELD_MS: Final = 250
"""Milliseconds without a turn that are told of: more than ten of the longest steps that any input should make."""
_BEAT_S: Final = 0.05
"""Between two stamps: 20 wake-ups a second cost a thousandth of a core."""
_LOOK_S: Final = 0.1
_PATIENCE: Final = 2 / 3
"""Of a lease. A lease that was renewed just before the hold still stands then: it is given up, it does not run out."""
_LIFE_LEASES: Final = 2
"""How long a heartbeat lasts (`mix2api.store.heartbeat`)."""
_LONGEST_LEASES: Final = 6
"""How long the heartbeat of a loop that stands still is kept up. Longer holds were never seen to end."""


class Watchdog:
    """One process's.

    Args:
        store: its leases and where the server is.
        lease_s: how long a lease lasts.
        logger: for the two lines.
        clock: for the stamps.
    """

    def __init__(self, store: Store, lease_s: float, logger: FilteringBoundLogger, clock: Clock) -> None:
        self._store = store
        self._lease_ms = lease_s * 1000
        self._logger = logger
        self._clock = clock
        self._beat_ms = clock.monotonic_ms()
        self._loop_thread = threading.get_ident()
        self._over = threading.Event()
        self._given_up: dict[Shard, str] = {}
        """Leases that the thread gave up and that the loop has not heard of."""

    async def watch(self, on_change: Callable[[LeaseChange], None]) -> None:
        """Watches for ever.

        Args:
            on_change: told, in the loop, which shards the thread gave up.
        """
        self._loop_thread = threading.get_ident()
        self._beat_ms = self._clock.monotonic_ms()
        threading.Thread(target=self._look, name="mix2api-watchdog", daemon=True).start()
        try:
            while True:
                await trio.sleep(_BEAT_S)
                self._beat(on_change)
        finally:
            self._over.set()

    def _beat(self, on_change: Callable[[LeaseChange], None]) -> None:
        now_ms = self._clock.monotonic_ms()
        held_ms, self._beat_ms = now_ms - self._beat_ms, now_ms
        if self._given_up:
            given_up, self._given_up = self._given_up, {}
            on_change(self._store.leases.given_up(given_up))
        if held_ms > HELD_MS:
            self._logger.warning("loop.turned", ms=int(held_ms))

    def _look(self) -> None:
        """The thread."""
        told_of = 0.0
        due_ms = 0.0
        while not self._over.wait(_LOOK_S):
            stamp_ms = self._beat_ms
            held_ms = self._clock.monotonic_ms() - stamp_ms
            if held_ms <= HELD_MS:
                continue
            if stamp_ms != told_of:
                told_of, due_ms = stamp_ms, self._lease_ms * _PATIENCE
                self._tell(held_ms)
            if due_ms <= held_ms < self._lease_ms * _LONGEST_LEASES:
                due_ms += self._lease_ms * (1 - _PATIENCE)
                self._step_back()

    def _tell(self, held_ms: float) -> None:
        """Logs where the loop is. In a thread of its own: if the log's reader is what holds the loop, it holds that one too."""
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - its only name
        at = "none" if frame is None else place_of_frame(frame)
        line = {"ms": int(held_ms), "at": at}
        threading.Thread(target=self._logger.warning, args=("loop.held",), kwargs=line, daemon=True).start()

    def _step_back(self) -> None:
        store = self._store
        tokens = store.leases.tokens()
        # Before they are gone: the loop may turn meanwhile, and must not believe in them.
        self._given_up = tokens
        life_ms = int(self._lease_ms * _LIFE_LEASES)
        table = None if store.cluster is None else store.cluster.table
        surrender(store.location, store.keys, tokens, store.process, life_ms, table)
