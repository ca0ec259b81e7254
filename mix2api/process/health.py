"""What `/health` tells: read from memory, kept current by a look at the store every third of a lease."""

from collections.abc import Callable, Iterator

import trio

from mix2api.counting.profile_files import Profiles
from mix2api.edge.health import EVENT_LOG, FailingPart, Health
from mix2api.errors import StoreUnavailable
from mix2api.process.store_keeping import StoreKeeping
from mix2api.store.store import Store
from mix2api.vocabulary import Channel

_LOOKS_PER_LEASE = 3


class ProcessHealth:
    """The `HealthSource` of a process with an edge."""

    def __init__(
        self, store: Store, warnings: tuple[str, ...], profiles: Profiles, keeping: StoreKeeping
    ) -> None:
        self._store = store
        self._always = warnings
        self._profiles = profiles
        self._keeping = keeping
        self._unowned = 0
        self._all = 1
        self.draining = False
        self.runs: Callable[[], int] = lambda: 0
        """Counts the turns under way. Set by the composition root, as the next one is."""
        self.runtime_runs: Callable[[], int | None] = lambda: None
        """Counts the runs in a runtime."""

    def snapshot(self) -> Health:
        """The state now."""
        failing = []
        unwilling = self._store.unwilling
        if unwilling is not None:
            failing.append(FailingPart(EVENT_LOG, f"Redis refuses to write: {unwilling.value}"))
        elif self._store.is_down:
            failing.append(FailingPart(EVENT_LOG, "Redis does not answer"))
        if self._unowned == self._all:
            failing.append(FailingPart("worker", "no live worker owns any shard"))
        elif self._unowned:
            failing.append(FailingPart("shards", f"{self._unowned} of {self._all} shards have no owner"))
        return Health(
            failing=tuple(failing),
            draining=self.draining,
            standby=self._stands_by,
            runs=self.runs(),
            runtime_runs=self.runtime_runs(),
            warnings=self._warnings,
        )

    @property
    def _stands_by(self) -> bool:
        """Whether this is a canary process, and the canary has no share."""
        heartbeat = self._store.heartbeat
        return heartbeat.facts.channel == Channel.CANARY and not heartbeat.release.division.percent

    @property
    def _warnings(self) -> tuple[str, ...]:
        refused = self._profiles.refused
        always = (*self._always, *self._keeping.warnings, *self._silent_masters())
        if refused is None:
            return always
        return (*always, f"new profiles are refused, those from before count: {refused}")

    def _silent_masters(self) -> Iterator[str]:
        """The masters of a cluster that are away. The process is ready all the same: it serves the shards of the others."""
        cluster, refused = self._store.cluster, self._store.willingness.word
        if cluster is None:
            return
        for host, port in sorted(cluster.away()):
            yield f"the Redis master {host}:{port} does not answer: its shards wait for it"
        if refused is not None:
            yield f"a Redis master refuses to write: {refused.value}"

    async def look(self) -> None:
        """Counts the shards without an owner, once. Those whose master is away are not counted."""
        owners = await self._store.leases.owners()
        self._all = len(owners)
        self._unowned = sum(1 for owner in owners.values() if owner is None)

    async def watch(self, lease_s: float) -> None:
        """Looks again and again; silent while Redis is away, which `snapshot` tells by itself."""
        while True:
            try:
                await self.look()
            except StoreUnavailable:
                await self._store.links[0].wait_up()
            await trio.sleep(lease_s / _LOOKS_PER_LEASE)
