"""Which shards and which fresh sessions each release channel gets. Pure arithmetic: every process computes the same.

The canary channel has the first shards. A shard's number carries no meaning, so the first ones are as good as any, and a
larger share holds all shards of a smaller one: a step forward moves only what it adds.
"""

from typing import Final

from attrs import frozen

from mix2api.vocabulary import Channel, Shard

ALL: Final = 100


@frozen(kw_only=True)
class Division:
    """The shards of a deployment by channel."""

    shards: int
    """Of the deployment."""
    canary_shards: int
    """How many of them, from the first on, are the canary's."""
    percent: int
    """Of fresh sessions that are made in the canary's shards."""

    def of(self, channel: Channel) -> range:
        """The numbers of a channel's shards."""
        if channel is Channel.CANARY:
            return range(self.canary_shards)
        return range(self.canary_shards, self.shards)

    def channel_of(self, shard: Shard) -> Channel:
        """The channel whose processes are to own a shard."""
        return Channel.CANARY if shard < self.canary_shards else Channel.STABLE


def divided(shards: int, percent: int | None, living: frozenset[Channel]) -> Division:
    """Divides the shards between the channels.

    A channel of which no process takes shards leaves its part to the other one, so that a dead canary costs its share for a
    moment only. One case is excepted: at 0 % the canary gets nothing, even where no stable process lives.

    Args:
        shards: of the deployment.
        percent: of the canary channel, as the release says; None: no release was ever recorded. The canary's processes then
            serve only where no stable one does.
        living: the channels of which at least one process takes shards.
    """
    is_alone = Channel.STABLE not in living
    if percent is None:
        percent = ALL if is_alone and Channel.CANARY in living else 0
    elif percent:
        percent = (ALL if is_alone else percent) if Channel.CANARY in living else 0
    return Division(shards=shards, canary_shards=_part(shards, percent), percent=percent)


def _part(shards: int, percent: int) -> int:
    """The canary's shards: its percentage, rounded up, and no channel that has a share is without a shard."""
    part = -(-shards * percent // ALL)
    return min(part, shards - 1) if percent < ALL else part
