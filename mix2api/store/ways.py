"""How a process reaches Redis: over one connection for each purpose, or over one to each master of a cluster.

`REDIS_URL` decides. What is built upon it sees links and a writer, and not which of the two it has.
"""

from collections.abc import Callable
from functools import partial

from attrs import evolve, field, frozen

from mix2api.machine import Machine
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.late_look_ups import LateLookUps
from mix2api.store.options import SpoolLimits, StoreOptions
from mix2api.store.post import BLOCK_MS
from mix2api.store.redis.cluster import Cluster
from mix2api.store.redis.cluster_link import ClusterLink
from mix2api.store.redis.dialing import Dial
from mix2api.store.redis.link import CommitLink, RedisLink
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.server_link import ServerLink
from mix2api.store.shard_link import ShardLink
from mix2api.store.shard_writers import ShardWriters
from mix2api.store.spool import SpoolUse
from mix2api.store.spool_shares import SpoolShares
from mix2api.store.writer import LogWriter
from mix2api.store.writer_port import EventWriter
from mix2api.supervision import OnFault
from mix2api.vocabulary import Shard

MakeWriter = Callable[[CommitLink, SpoolLimits, SpoolUse], LogWriter]
"""Makes a writer of its link, the limits of its spool, and what the limits are counted on."""


@frozen(kw_only=True)
class Ways:
    """Makes the links and the writer of one process.

    Args:
        location: of Redis.
        options: of the store.
        machine: of the process.
        dial: makes wires.
    """

    _location: RedisLocation
    _options: StoreOptions
    _machine: Machine
    _dial: Dial
    cluster: Cluster | None = field(init=False)
    """None: there is one server."""

    @cluster.default
    def _of_location(self) -> Cluster | None:
        return Cluster(self._location, self._machine.clock) if self._location.nodes else None

    def quick(self, what: str) -> RedisLink:
        """A link for short commands."""
        return self._link(what, self._options.timeouts, cuts=True)

    def blocking(self, what: str) -> RedisLink:
        """A link for blocking reads."""
        timeouts = self._options.timeouts
        patient = evolve(timeouts, reply_s=timeouts.reply_s + BLOCK_MS / 1000)
        return self._link(what, patient, cuts=False)

    def _link(self, what: str, timeouts: Timeouts, *, cuts: bool) -> RedisLink:
        name = f"{self._options.prefix}-{what}"
        make = partial(ServerLink, timeouts=timeouts, name=name, machine=self._machine, dial=self._dial)
        if self.cluster is None:
            return make(self._location)
        return ClusterLink(self.cluster, make, name, cuts=cuts)

    def writer(
        self, link: RedisLink, make: MakeWriter, keys: Keys, damage: DamageCounter, on_fault: OnFault
    ) -> EventWriter:
        """The writer of the process.

        Args:
            link: for appending, of `quick`.
            make: makes one for all shards, or for each.
            keys: key names.
            damage: told of look-ups that gave way.
            on_fault: told of faults in the writers of single shards.
        """
        limits = self._options.spool
        if self.cluster is None or not isinstance(link, ClusterLink):
            return make(link, limits, SpoolUse())
        late, shares = LateLookUps(link, damage), SpoolShares(limits, self.cluster)

        def of_shard(shard: Shard) -> LogWriter:
            key = keys.lease(shard)
            return make(ShardLink(link, key, late), shares.limits, shares.of(key))

        return ShardWriters(link=link, make=of_shard, late=late, on_fault=on_fault)
