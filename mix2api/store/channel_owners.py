"""The process that each shard should belong to: the release divides the shards by channel, weights divide a channel's. Pure."""

from collections.abc import Sequence

from attrs import define, field

from mix2api.release.shares import Division
from mix2api.steps import Steps
from mix2api.store.rendezvous import Rendezvous, Taker
from mix2api.vocabulary import Channel, ProcessId


@define(eq=False)
class ChannelOwners:
    """Owners of all shards.

    Args:
        shards: how many there are.
    """

    _shards: int
    _of_channels: dict[Channel, Rendezvous] = field(init=False)

    @_of_channels.default
    def _one_each(self) -> dict[Channel, Rendezvous]:
        return {channel: Rendezvous(self._shards) for channel in Channel}

    def owners(self, takers: Sequence[Taker], division: Division) -> Steps[list[ProcessId | None]]:
        """The owner of every shard, by its number; None where nobody takes shards of its channel.

        Args:
            takers: in any order.
            division: of the shards between the channels.
        """
        found: list[ProcessId | None] = []
        for channel in (Channel.CANARY, Channel.STABLE):
            part = division.of(channel)
            owners = yield from self._of_channels[channel].owners(
                [taker for taker in takers if taker.channel is channel] if part else ()
            )
            found += owners[part.start : part.stop] or [None] * len(part)
        return found
