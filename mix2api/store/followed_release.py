"""The release that stands, as a process last heard of it, and the division of the shards that follows.

It is read beside the heartbeats, so that each process follows a step within a third of a lease.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.release.release import ReleaseState
from mix2api.release.shares import Division, divided
from mix2api.release.stages import Stage
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.rendezvous import Taker

NO_RELEASE: Final = ReleaseState()
_decode: Final = msgspec.json.Decoder(ReleaseState).decode


def release_of(reply: Reply, key: str, damage: DamageCounter) -> ReleaseState:
    """The state that a reply to `GET` holds. Damage counts as no release: the canary then yields to the stable channel.

    Raises:
        StoreUnavailable: the reply is a refusal for another reason.
    """
    text = None if is_damage(reply) else told([reply])[0]
    if text is None and not is_damage(reply):
        return NO_RELEASE
    try:
        return _decode(text or b"")
    except (msgspec.MsgspecError, RecursionError):
        damage.left(key)
        return NO_RELEASE


@define(eq=False, kw_only=True)
class FollowedRelease:
    """What a process knows of the release.

    Args:
        keys: key names.
        damage: told of a state that no process wrote.
        shards: of the deployment.
    """

    _keys: Keys
    _damage: DamageCounter
    _shards: int
    state: ReleaseState = field(default=NO_RELEASE, init=False)
    division: Division = field(init=False)
    """As of the last look. Before the first one the stable channel has everything."""
    _reply: Reply = field(default=None, init=False)

    @division.default
    def _undivided(self) -> Division:
        return divided(self._shards, None, frozenset())

    @property
    def key(self) -> str:
        """Where the state stands."""
        return self._keys.release_state()

    def hear(self, reply: Reply, takers: Iterable[Taker]) -> None:
        """Takes note of what stands there.

        Args:
            reply: to `GET` of the key. `StoreUnavailable`: its master is away, and what was known stays.
            takers: the processes that take shards, this one included.

        Raises:
            StoreUnavailable: the reply is a refusal.
        """
        if isinstance(reply, StoreUnavailable):
            reply = self._reply
        if reply is None or reply != self._reply:
            self.state = release_of(reply, self.key, self._damage)
            self._reply = reply
        percent = None if self.state.stage is Stage.NONE else self.state.percent
        living = frozenset(taker.channel for taker in self.admitted(takers))
        self.division = divided(self._shards, percent, living)

    def admitted(self, takers: Iterable[Taker]) -> list[Taker]:
        """Those of the processes that take shards to which the release gives some, as of the last look."""
        return [taker for taker in takers if self.state.admits(taker.channel, taker.version)]
