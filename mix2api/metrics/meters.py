"""What one process counts for `/metrics`, and how a scrape is answered without holding the loop."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import trio

from mix2api.events.audit_entry import read_end_summary, read_request_summary
from mix2api.events.refusal_entry import RefusalEntry
from mix2api.metrics.exposition import exposition
from mix2api.metrics.readings import Readings
from mix2api.projections.traffic import OTHER, Traffic
from mix2api.sessions.resolution import Reason

_RESOLUTIONS: Final = frozenset({"fresh", "continued"})
_REASONS: Final = frozenset(Reason)


class Meters:
    """One process's counters. It is told each audit entry that the process writes, as its bytes."""

    def __init__(self) -> None:
        self.traffic = Traffic()
        self.logins: Counter[str] = Counter()
        self.sessions: Counter[tuple[str, str]] = Counter()
        self.read: Callable[[], Readings] = Readings
        """Takes the gauges; set once the process's parts are there."""

    def on_audited(self, asked: bytes, ended: bytes) -> None:
        """A run's audit entry was written."""
        self.traffic.add_entry(read_request_summary(asked), read_end_summary(ended))

    def on_refusal(self, entry: RefusalEntry) -> None:
        """A request was refused before a run began."""
        self.traffic.add_refusal(entry)

    def on_login(self, outcome: str) -> None:
        """A credential was fetched, or was not: `done`, or a word that says why."""
        self.logins[outcome] += 1

    def on_session(self, resolution: str, reason: str) -> None:
        """A run was accepted."""
        known = resolution in _RESOLUTIONS and reason in _REASONS
        self.sessions[(resolution, reason) if known else (OTHER, OTHER)] += 1

    async def text(self) -> bytes:
        """What Prometheus is shown. Copied here, and written by a thread: thousands of lines take longer than a step may."""
        traffic, readings = self.traffic.copy(), self.read()
        return await trio.to_thread.run_sync(exposition, traffic, readings)
