"""A Redis Cluster as one process sees it: the table of slots, and which masters do not answer.

All links of the process share it. Each master has a watch of its own (`mix2api.store_watch`): whoever waits for a master
that is away is told so within half a second, and nobody else is.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import trio
from attrs import define, field
from redis.exceptions import RedisError, ResponseError

from mix2api.clock import Clock, SystemClock
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.store.redis.link import RedisLink
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.routing import SlotTable, slot_of
from mix2api.store.redis.sentinel import Address
from mix2api.store_watch import Silence, StoreWatch

_PAUSE_S: Final = 0.25
"""Between two readings of the table while a master is away. A failover takes seconds, and a reading one round trip."""


class Routed(Protocol):
    """A link of this process, as the cluster needs it."""

    @property
    def cuts(self) -> bool:
        """Whether its silence means something: False of blocking reads."""
        ...

    def silence_of(self, address: Address) -> Silence:
        """Its connection to a master, if that does not answer, and since when."""
        ...

    def node(self, address: Address) -> RedisLink:
        """Its connection to a master."""
        ...

    async def forget_others(self, masters: Sequence[Address]) -> None:
        """Closes its connections to all other servers."""
        ...


@define(eq=False)
class Cluster:
    """What the links of one process know of the cluster.

    Args:
        location: the cluster.
        clock: for how long a master is away.
    """

    location: RedisLocation
    _clock: Clock = field(factory=SystemClock)
    table: SlotTable = field(factory=SlotTable, init=False)
    _links: list[Routed] = field(factory=list, init=False)
    _watches: dict[Address, StoreWatch] = field(factory=dict, init=False)
    _unwatched: list[StoreWatch] = field(factory=list, init=False)
    _grown: trio.Event = field(factory=trio.Event, init=False)
    _suspected: trio.Event = field(factory=trio.Event, init=False)

    def join(self, link: Routed) -> None:
        """A link of this process belongs to it from now on. The first one asks for the table."""
        self._links.append(link)

    def watch(self, address: Address) -> StoreWatch:
        """Whether a master answers."""
        watch = self._watches.get(address)
        if watch is None:
            watch = self._watches[address] = StoreWatch(lambda: self._silence(address), self._clock)
            self._unwatched.append(watch)
            self._grown.set()
        return watch

    def _silence(self, address: Address) -> Silence:
        if address not in self.table.masters:
            return frozenset()  # a replica has taken its place
        return _union(link.silence_of(address) for link in self._links if link.cuts)

    def silence(self) -> Silence:
        """The connections that do not answer, if that is so of every master: the store is away as a whole."""
        found = [self._silence(address) for address in self.table.masters]
        return _union(found) if all(found) else frozenset()

    def silence_at(self, key: str) -> Silence:
        """The connections to the master of a key that do not answer, those of blocking reads included."""
        address = self.table.master(slot_of(key))
        return _union(link.silence_of(address) for link in self._links) if address else frozenset({("", 0.0)})

    def is_away(self, key: str) -> bool:
        """Whether the master of a key did not answer when it was last looked at. Never waits."""
        address = self.table.master(slot_of(key))
        return address is None or self.watch(address).is_away

    def away(self) -> frozenset[Address]:
        """The masters that did not answer when they were last looked at."""
        return frozenset(address for address in self.table.masters if self.watch(address).is_away)

    def suspect(self) -> None:
        """The table may be wrong: `run` reads it anew."""
        self._suspected.set()

    async def run(self) -> None:
        """Watches the masters, and keeps the table; for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_table)
            for watch in self._watches.values():
                nursery.start_soon(watch.watch)
            self._unwatched.clear()
            while True:
                await self._grown.wait()
                self._grown = trio.Event()
                while self._unwatched:
                    nursery.start_soon(self._unwatched.pop().watch)

    async def _keep_table(self) -> None:
        while True:
            await self._suspected.wait()
            self._suspected = trio.Event()
            await self._read_table()
            await trio.sleep(_PAUSE_S)
            if self.away():
                self.suspect()

    async def _read_table(self) -> None:
        """Asks the masters that answer, one after the other, until one gives the table; then the nodes of the URL.

        A cluster whose nodes have all got other addresses is found by the names that stand there.
        """
        away = self.away()
        for address in dict.fromkeys((*self.table.masters, *self.location.nodes)):
            if address in away:
                continue
            with suppress(StoreUnavailable), self.watch(address).patience():
                (reply,) = await self._links[0].node(address).execute(("CLUSTER", "SLOTS"))
                if isinstance(reply, list) and reply:
                    if self.table.learn(reply, address):
                        for link in self._links:
                            await link.forget_others(self.table.masters)
                    return


def _union(found: Iterable[Silence]) -> Silence:
    return frozenset[tuple[str, float]]().union(*found)


def found_table(location: RedisLocation, timeouts: Timeouts, table: SlotTable) -> None:
    """Reads the table for the first time, from the first node of the location that gives it. Blocks its thread.

    Raises:
        ConfigurationError: no node gives one.
    """
    why = "no node answers"
    for host, port in location.nodes:
        try:
            reply = _slots(location.at((host, port)), timeouts)
        except ResponseError as refusal:
            why = f"a node refuses ({str(refusal)[:200]})"
            continue
        except (RedisError, OSError) as fault:
            why = f"no node answers ({str(fault)[:200]})"
            continue
        if reply:
            table.learn(reply, (host, port))
            return
        why = "no master has any slots"
    raise ConfigurationError(
        f"the Redis Cluster at {location.redacted()} cannot be used, {why}: start it, or correct REDIS_URL"
    )


def _slots(location: RedisLocation, timeouts: Timeouts) -> list[object]:
    connection = location.connected(timeouts, "mix2api-slots")
    try:
        connection.send_command("CLUSTER", "SLOTS")
        reply: list[object] = connection.read_response(disable_decoding=True)
        return reply
    finally:
        connection.disconnect()
