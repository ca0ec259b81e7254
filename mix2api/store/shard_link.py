"""The link of one shard's writer in a Redis Cluster: what the shard's own master says counts, the others' may come later.

A commit writes look-ups beside its shard's script, and their keys lie anywhere. A master that is away must not stop the
shards of the others. So the writer hears that a look-up was written where it is only on its way (`LateLookUps`).
"""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field
from redis.exceptions import AskError, ClusterDownError, TryAgainError

from mix2api.errors import StoreUnavailable
from mix2api.store.late_look_ups import LateLookUps
from mix2api.store.redis.cluster_link import ClusterLink
from mix2api.store.redis.flight import Waiter
from mix2api.store.redis.link import Command, NotSent, Reply, Told
from mix2api.store.redis.routing import slot_of, slot_of_command

_LATE: Final = (StoreUnavailable, TryAgainError, ClusterDownError, AskError)
"""What shows that a look-up was not written: its master is away, or its slot is on the move."""
_WRITTEN: Final = 0
"""What the writer is told of a look-up that is late: any number."""


@define(eq=False)
class ShardLink:
    """`mix2api.store.redis.link.CommitLink` for the writer of one shard.

    Args:
        link: to all masters.
        key: any of the shard's.
        late: takes the look-ups whose master is away.
    """

    _link: ClusterLink
    _key: str
    _late: LateLookUps
    _slot: int = field(init=False)

    @_slot.default
    def _of_key(self) -> int:
        return slot_of(self._key)

    @property
    def is_down(self) -> bool:
        """Whether the shard's master is known to be away, or has left a command unanswered for 400 ms. Never waits."""
        node = self._link.node_of(self._key)
        return node is None or node.is_down

    @property
    def is_lost(self) -> bool:
        """Whether the connection to the shard's master is lost."""
        node = self._link.node_of(self._key)
        return node is None or node.is_lost

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left."""
        node = self._link.node_of(self._key)
        return node is not None and node.is_starved

    async def execute(self, *commands: Command) -> list[Reply]:
        """As the port says, where the shard's master is concerned."""
        waiter = Waiter()
        self.hand_in(commands, waiter.hear)
        return await waiter.replies()

    def hand_in(self, commands: Sequence[Command], hear: Callable[[Told], None]) -> object:
        """As the port says, where the shard's master is concerned."""
        return self._link.hand_in(
            commands, lambda told: hear(self._own(commands, told)), is_whole=False, patient=self._slot
        )

    def _own(self, commands: Sequence[Command], told: Told) -> Told:
        """What the shard's master said of its commands; the look-ups that were not written are kept for later."""
        if isinstance(told, Exception):
            return told
        late: list[Command] = []
        for place, (command, reply) in enumerate(zip(commands, told, strict=True)):
            if not isinstance(reply, _LATE):
                continue
            if slot_of_command(command) in {None, self._slot}:
                if not isinstance(reply, StoreUnavailable):
                    continue
                return NotSent() if isinstance(reply, NotSent) else StoreUnavailable()
            late.append(command)
            told[place] = _WRITTEN
        self._late.add(late)
        return told

    async def wait_up(self, *_keys: str) -> None:
        """Waits until the shard's master can be reached."""
        await self._link.wait_up(self._key)
