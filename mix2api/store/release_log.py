"""The release log in Redis: the state that stands, and the events that led there.

One script writes both, and only over the state that the writer has read. Of two commands at once one is obeyed, and the other
one is decided again on what the first has left. Operators and guards write here, a few times a day; nothing is sealed, since
nothing of requests comes here.
"""

from typing import Final

import msgspec
from attrs import define

from mix2api.errors import StoreUnavailable
from mix2api.release.release import ReleaseCommand, ReleaseEvent, ReleaseState, decide, evolve
from mix2api.store.damage import DamageCounter
from mix2api.store.followed_release import release_of
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.store.release_scripts import RECORD
from mix2api.store.scripts import run_scripts

HISTORY_MS: Final = 400 * 86_400_000
"""Life of the history after its last event: over a year, so that yesteryear's release can be looked up."""
_RACES: Final = 20
"""Attempts to write; each failure means that another command was written."""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(ReleaseEvent).decode


@define(eq=False, kw_only=True)
class ReleaseLog:
    """Reads and writes it.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what no process wrote.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter

    async def now_ms(self) -> int:
        """The server's wall clock, Unix milliseconds: commands from several machines are then in one order.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        ((seconds, microseconds),) = told(await self._link.execute(("TIME",)))
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def read(self) -> ReleaseState:
        """The state that stands. Damage counts as no release.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        state, _ = await self._read()
        return state

    async def apply(self, command: ReleaseCommand) -> ReleaseState:
        """Obeys a command, and gives the state after it.

        Raises:
            StepRefused: the release does not allow it now; nothing was written.
            StoreUnavailable: Redis does not answer; the command may have been obeyed. A second attempt does no harm.
        """
        for _ in range(_RACES):
            state, text = await self._read()
            events = decide(state, command)
            if not events:
                return state
            for event in events:
                state = evolve(state, event)
            keys = [self._keys.release_state(), self._keys.release_history()]
            call = RECORD.call(keys, [text, _encode(state), HISTORY_MS, *map(_encode, events)])
            ((written, *mended),) = told(await run_scripts(self._link, [call]))
            for key in mended:
                self._damage.removed(key.decode())
            if written:
                return state
        raise StoreUnavailable

    async def history(self) -> list[ReleaseEvent]:
        """The events, the oldest first: the last thousand and some more. What is no event is passed over.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = self._keys.release_history()
        (reply,) = await self._link.execute(("XRANGE", key, "-", "+"))
        if is_damage(reply):
            self._damage.left(key)
            return []
        found = []
        for _, fields in told([reply])[0]:
            event = _event(fields)
            if event is None:
                self._damage.left(key)
            else:
                found.append(event)
        return found

    async def _read(self) -> tuple[ReleaseState, bytes]:
        """The state, and the text that stands there, whatever it is; empty where there is none."""
        key = self._keys.release_state()
        (reply,) = await self._link.execute(("GET", key))
        return release_of(reply, key, self._damage), reply if isinstance(reply, bytes) else b""


def _event(fields: list[bytes]) -> ReleaseEvent | None:
    if not fields or fields[0] != b"e":
        return None
    try:
        return _decode(fields[1])
    except (msgspec.MsgspecError, RecursionError):
        return None
