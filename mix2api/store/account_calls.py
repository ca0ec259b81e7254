"""Calls of the script that chooses an account, packed for Redis. Each turn over a pool makes one.

Three parts differ from call to call: what is bound, the call's mode, and the accounts that it may not use. The keys of the pool and
the times stay the same for ever, and the roster stays the same for a model. They are packed once, and copied since (ADR 116).
"""

from typing import Final

from mix2api.accounts.model_limits import model_word
from mix2api.accounts.port import Asking, Roster
from mix2api.store.account_scripts import CHOOSE
from mix2api.store.keys import Keys
from mix2api.store.redis.wire import Packed
from mix2api.vocabulary import Digest

_CLAIM_MS: Final = 300_000
"""How long a first call may take until it succeeds: longer than the default wait for an answer's beginning, 180 s."""
_LEASE_MS: Final = 30_000
"""While one call tries what is half-open, others stay away. A call that tells nothing holds it back no longer than this."""
_ROSTERS: Final = 1000
"""Models whose rosters are kept packed: names come from clients, and a roster of 200 accounts takes 4 kB."""
_KEYS: Final = 4
_ARGUMENTS: Final = 9
_WORDS: Final = 3 + _KEYS + _ARGUMENTS
"""Of a call: the command, the script's digest, the number of keys, the keys, the arguments."""


class ChoiceCalls:
    """Of one pool and scope.

    Args:
        keys: key names.
        pool: the kind of upstream whose accounts these are.
        scope: of the bindings.
        life_ms: of a confirmed binding.
    """

    def __init__(self, keys: Keys, pool: str, scope: str, life_ms: int) -> None:
        self._stem = keys.binding(pool, Digest(""), scope).encode()
        self._states = keys.account_states(pool).encode()
        others = (keys.account_states(pool), keys.account_turns(pool), keys.account_limits(pool))
        self._head = b"*%d\r\n" % _WORDS + _packed("EVALSHA", CHOOSE.sha, _KEYS)
        self._keys = _packed(*others)
        self._times = _packed(_CLAIM_MS, life_ms, _LEASE_MS, pool)
        self._rosters: dict[str, tuple[Roster, bytes]] = {}
        """Model -> its roster and what is packed of both."""

    def call(self, asking: Asking, roster: Roster, unfit: str) -> Packed:
        """One call.

        Args:
            asking: whose call needs an account.
            roster: the accounts that the file allows.
            unfit: those of them that this call may not use, as the script reads them.
        """
        binding = self._states if asking.api_key is None else self._stem + asking.api_key.encode()
        head = (self._head, _word(binding), self._keys, _MODES[asking.api_key is not None, asking.is_owned])
        data = b"".join((*head, _word(unfit.encode()), self._times, self._of_model(asking, roster)))
        return Packed(("EVALSHA", CHOOSE.sha, _KEYS, binding), data)

    def _of_model(self, asking: Asking, roster: Roster) -> bytes:
        """The arguments that stay the same for a model."""
        kept = self._rosters.get(asking.model)
        if kept is not None and kept[0] is roster:
            return kept[1]
        packed = _packed(asking.model, roster.packed, model_word(asking.model))
        if not asking.is_owned:  # the roster of an owned call is made for that call
            if len(self._rosters) >= _ROSTERS:
                self._rosters.clear()
            self._rosters[asking.model] = roster, packed
        return packed


def _word(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def _packed(*words: str | int) -> bytes:
    return b"".join([_word(str(word).encode("utf-8", "surrogatepass")) for word in words])


_MODES: Final = {
    (False, False): _packed(0),
    (True, False): _packed(1),
    (True, True): _packed(2),
    (False, True): _packed(3),
}
"""(whether something is bound, whether one account alone can serve) -> the script's first argument."""
