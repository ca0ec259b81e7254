"""How much may wait for each master of a Redis Cluster: an equal part of the process's spool.

Without parts, the appends that wait for one master would fill the spool, and the shards of all others would lose theirs.
"""

from attrs import define, evolve, field

from mix2api.store.options import SpoolLimits
from mix2api.store.redis.cluster import Cluster
from mix2api.store.redis.routing import slot_of
from mix2api.store.redis.sentinel import Address
from mix2api.store.spool import SpoolUse


@define(eq=False)
class SpoolShares:
    """The parts of one process's spool.

    A shard keeps the part in which its writer began. After a shard has moved to another master, it goes on filling the old
    one's part.

    Args:
        limits: of the process.
        cluster: knows the masters.
    """

    _limits: SpoolLimits
    _cluster: Cluster
    _uses: dict[Address | None, SpoolUse] = field(factory=dict, init=False)

    @property
    def limits(self) -> SpoolLimits:
        """Of one part."""
        masters = max(1, len(self._cluster.table.masters))
        limits = self._limits
        return evolve(limits, appends=limits.appends // masters, size_bytes=limits.size_bytes // masters)

    def of(self, key: str) -> SpoolUse:
        """What the part of a key's master is counted on."""
        return self._uses.setdefault(self._cluster.table.master(slot_of(key)), SpoolUse())
