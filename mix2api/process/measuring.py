"""The gauges of a process at the moment of a scrape, and the port on which they are shown."""

from collections.abc import Callable
from typing import Final

import trio
from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.metrics.admin import serve_admin
from mix2api.metrics.lag import LoopLag
from mix2api.metrics.readings import Readings
from mix2api.process.parts import Parts
from mix2api.store.caller_slots import CALLERS_TOLD
from mix2api.store.heartbeat import ProcessLoad

_OWNERS_S: Final = 15.0
"""Between two looks for shards without an owner: Prometheus asks as often, and a look is one round trip."""


@define(eq=False)
class Measuring:
    """Takes the gauges of one process.

    Args:
        parts: of the process.
    """

    parts: Parts
    lag: LoopLag = field(init=False)
    _unowned: int | None = field(default=None, init=False)

    @lag.default
    def _own_lag(self) -> LoopLag:
        return LoopLag(self.parts.clock)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody may ask."""
        watching = self.parts.settings.watching
        return watching.admin_ports is not None or watching.metrics_token is not None

    def load(self) -> ProcessLoad:
        """What the process has to do now, as its heartbeat tells others."""
        parts, half = self.parts, self.parts.half
        worker = None if half is None else half.worker.statistics()
        return ProcessLoad(
            streams=parts.streams_open(),
            runs=0 if worker is None else worker.runs - worker.waiting,
            queued=0 if worker is None else worker.waiting,
            spooled=parts.store.log.writer.statistics().waiting,
            room=None if worker is None else worker.room,
            heaviest={} if half is None else half.worker.heaviest(CALLERS_TOLD),
            longest={} if half is None else half.worker.longest(CALLERS_TOLD),
            level=None if half is None else half.worker.level(),
            queue_room=0 if worker is None else worker.queue_room,
            runtime_runs=parts.runtime_runs(),
        )

    def readings(self) -> Readings:
        """The gauges now."""
        parts, load = self.parts, self.load()
        return Readings(
            streams_open=load.streams,
            runs=load.runs,
            runtime_runs=load.runtime_runs,
            queued=load.queued,
            spooled=load.spooled,
            dropped=parts.store.log.writer.statistics().dropped,
            forgotten=parts.store.log.writer.statistics().out_of_order,
            leases_held=len(parts.store.leases.held),
            shards_without_owner=self._unowned,
            store_is_down=parts.store.is_down,
            loop_lag_max_s=self.lag.take_longest_s(),
            loop_lag_s=self.lag.total_s,
            schema_fallbacks=parts.reporter.schema_fallbacks,
            model_fallbacks=parts.reporter.model_fallbacks,
            damage=parts.store.damage.total,
            logins=dict(parts.meters.logins),
            sessions=dict(parts.meters.sessions),
        )

    async def look(self) -> None:
        """Looks for shards without an owner, for ever."""
        while True:
            try:
                owners = await self.parts.store.leases.owners()
            except StoreUnavailable:
                self._unowned = None
            else:
                self._unowned = sum(owner is None for owner in owners.values())
            await trio.sleep(_OWNERS_S)

    async def start(self, nursery: trio.Nursery, keep_up: Callable[..., None]) -> None:
        """Starts what measures and what shows it, if anybody may ask.

        Args:
            nursery: of the process.
            keep_up: starts a background task under the supervisor.

        Raises:
            ConfigurationError: the admin port cannot be listened on.
        """
        parts, watching = self.parts, self.parts.settings.watching
        parts.meters.read = self.readings
        parts.store.heartbeat.load = self.load
        if not self.is_wanted:
            return
        keep_up(parts, nursery, "lag", self.lag.watch)
        keep_up(parts, nursery, "owners", self.look)
        if watching.admin_ports is not None:
            port = await nursery.start(
                serve_admin, watching.admin_host, watching.admin_ports, parts.meters.text
            )
            parts.logger.info("admin.listening", port=port)
