"""The shard of a fresh session: the release's share decides its channel, and chance one of that channel's shards.

The channel is drawn for each session, independent of everything else. So clients that ask in a pattern, such as a title
request before each conversation, have the same share of the canary in all parts of the pattern.
"""

from collections.abc import Callable
from typing import Final

from attrs import define

from mix2api.identity import Mint
from mix2api.release.shares import ALL, Division
from mix2api.vocabulary import Channel, Shard

_DRAWS: Final = 16
"""Where half of the shards are away, one session of 65,000 finds none that is served."""


@define(eq=False)
class FreshShards:
    """Draws for fresh sessions.

    Args:
        mint: draws.
        division: of the shards between the channels, as this process last heard.
        is_away: whether a shard's server does not answer. In a Redis Cluster the others begin fresh sessions meanwhile.
    """

    _mint: Mint
    _division: Callable[[], Division]
    _is_away: Callable[[Shard], bool] = lambda _: False

    def channel(self) -> Channel:
        """A channel for one session."""
        percent = self._division().percent
        is_canary = percent == ALL or (percent > 0 and self._mint.draw_percent() < percent)
        return Channel.CANARY if is_canary else Channel.STABLE

    def channel_of(self, shard: Shard) -> Channel:
        """The channel whose processes are to own a shard."""
        return self._division().channel_of(shard)

    def of(self, channel: Channel) -> Shard:
        """A shard of a channel, each as likely as the others."""
        shards = self._division().of(channel)
        shard = self._mint.draw_one(shards)
        for _ in range(_DRAWS):
            if not self._is_away(shard):
                break
            shard = self._mint.draw_one(shards)
        return shard
