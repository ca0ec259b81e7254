"""A link to a Redis Cluster: one connection to each master, and each command on the connection of its slot.

The commands of a caller are divided by master. Each master gets its part in the caller's order, and the replies are put
back into that order. `MOVED` and `ASK` send a command once more: the first master has not run it. Nothing else is ever
repeated here. A master that is away costs its own part only (`partly`).
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio
from attrs import define, field

from mix2api.store.redis.cluster import Cluster
from mix2api.store.redis.flight import Flight, Waiter
from mix2api.store.redis.link import Command, NotSent, Reply, Told
from mix2api.store.redis.location import RedisLocation
from mix2api.store.redis.routing import slot_of
from mix2api.store.redis.sentinel import Address
from mix2api.store.redis.server_link import ServerLink
from mix2api.store.willingness import Unwilling
from mix2api.store_watch import Silence

_LOOK_S: Final = 0.25
"""How soon a waiter sees that another master has the slots now."""


@define(eq=False)
class ClusterLink:
    """A link to every master, each connected when it is first used.

    Args:
        cluster: of this process.
        make: makes a link to one server.
        name: of the connections.
        cuts: whether a wait for a silent master ends early. Not for blocking reads, whose silence means nothing.
    """

    _cluster: Cluster
    _make: Callable[[RedisLocation], ServerLink]
    name: str
    cuts: bool = field(default=True, kw_only=True)
    _nodes: dict[Address, ServerLink] = field(factory=dict, init=False)
    _closing: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._cluster.join(self)

    @property
    def is_down(self) -> bool:
        """Whether every master is known to be away, or has left a command unanswered for 400 ms. Never waits."""
        return all(node.is_down for node in self.servers())

    @property
    def is_lost(self) -> bool:
        """Whether the connection to every master is lost."""
        return self._closing or all(node.is_lost for node in self.servers())

    @property
    def is_starved(self) -> bool:
        """Whether any is down because this process has no file descriptor left."""
        return any(node.is_starved for node in self.servers())

    @property
    def why(self) -> Unwilling | None:
        """The word with which a master turned the last connection away."""
        return next((node.why for node in self.servers() if node.why is not None), None)

    @property
    def silent_since_ms(self) -> float | None:
        """Since when every master is silent, the last of them; None if any is not."""
        since = [node.silent_since_ms for node in self.servers()]
        known = [each for each in since if each is not None]
        return max(known) if known and len(known) == len(since) else None

    def silence_of(self, address: Address) -> Silence:
        """The connection to a master, if that does not answer, and since when. A blocking read is silent once it is lost."""
        node = self._nodes.get(address)
        if node is None or not (self.cuts or node.is_lost):
            return frozenset()
        since_ms = node.silent_since_ms
        return frozenset() if since_ms is None else frozenset({(self.name, since_ms)})

    def servers(self) -> Sequence[ServerLink]:
        """One link to each master."""
        return [self.node(address) for address in self._cluster.table.masters]

    def node(self, address: Address) -> ServerLink:
        """The link to a master."""
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = self._make(self._cluster.location.at(address))
        return node

    def node_of(self, key: str) -> ServerLink | None:
        """The link to the master of a key; None if no master has its slot."""
        address = self._cluster.table.master(slot_of(key))
        return None if address is None else self.node(address)

    async def execute(self, *commands: Command) -> list[Reply]:
        """As the port says."""
        return await self._replies(commands, is_whole=True)

    async def partly(self, *commands: Command) -> list[Reply]:
        """As the port says."""
        return await self._replies(commands, is_whole=False)

    async def _replies(self, commands: Sequence[Command], *, is_whole: bool) -> list[Reply]:
        if not commands:
            await trio.lowlevel.checkpoint()
            return []
        waiter = Waiter()
        flight = self.hand_in(commands, waiter.hear, is_whole=is_whole)
        try:
            return await waiter.replies()
        finally:
            flight.abandon()

    def hand_in(
        self,
        commands: Sequence[Command],
        hear: Callable[[Told], None],
        *,
        is_whole: bool = True,
        patient: int | None = None,
    ) -> Flight:
        """As the port says; `hear` may be told before this returns.

        Args:
            commands: at least one.
            hear: told what became of them.
            is_whole: as `execute`; False: as `partly`.
            patient: a slot whose master is waited for until it answers or is lost, however long it is silent.
        """
        if self._closing:
            raise NotSent
        flight = Flight(
            self.node, self._cluster, commands, hear, is_whole=is_whole, patient=patient, cuts=self.cuts
        )
        flight.start()
        return flight

    async def wait_up(self, *keys: str) -> None:
        """As the port says."""
        while self._closing or self._is_lost(keys):
            node = next(iter(self._of(keys)), None)
            with trio.move_on_after(_LOOK_S):
                if node is None or self._closing:
                    await trio.sleep_forever()
                else:
                    await node.wait_up()
            self._cluster.suspect()

    def _of(self, keys: Sequence[str]) -> list[ServerLink]:
        """The links to the masters of keys that are lost; without keys to all that are lost."""
        if not keys:
            return [node for node in self.servers() if node.is_lost]
        found = [self.node_of(key) for key in keys]
        return [node for node in found if node is not None and node.is_lost]

    def _is_lost(self, keys: Sequence[str]) -> bool:
        if not keys:
            return self.is_lost
        return any(node is None or node.is_lost for node in map(self.node_of, keys))

    async def forget_others(self, masters: Sequence[Address]) -> None:
        """Closes the connections to servers that are no masters any more; what they owed is told as lost."""
        for address in self._nodes.keys() - set(masters):
            await self._nodes.pop(address).aclose()

    async def wait_down(self) -> None:
        """Waits until the connection to every master is lost."""
        while not self.is_lost:
            for node in self.servers():
                await node.wait_down()

    async def aclose(self) -> None:
        """As the port says."""
        self._closing = True
        for node in list(self._nodes.values()):  # others may be called meanwhile
            await node.aclose()
