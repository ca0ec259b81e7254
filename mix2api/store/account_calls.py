"""Calls of the script that chooses an account, packed for Redis. Each turn over a pool makes one.

Three parts differ from call to call: what is bound, the call's mode, and the accounts that it may not use. The keys of the pool and
the times stay the same for ever, and the roster stays the same for a model. They are packed once, and copied since. Redis keeps
rosters by their digests, so a call has a roster's digest, and the roster itself only where Redis does not have it (ADR 120).
"""

import hashlib
from typing import Final

from attrs import frozen

from mix2api.accounts.model_limits import model_word
from mix2api.accounts.port import Asking, Roster
from mix2api.store.choice_script import CHOOSE
from mix2api.store.keys import Keys
from mix2api.store.redis.wire import Packed
from mix2api.vocabulary import Digest

_CLAIM_MS: Final = 300_000
"""How long a first call may take until it succeeds: longer than the default wait for an answer's beginning, 180 s."""
_LEASE_MS: Final = 30_000
"""While one call tries what is half-open, others stay away. A call that tells nothing holds it back no longer than this."""
_ROSTERS: Final = 1000
"""Models whose rosters are kept packed: names come from clients, and what is packed of each takes half a kB."""
_KEYS: Final = 8
_ARGUMENTS: Final = 10
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
        self._roster_stem = keys.account_roster(pool, "")
        others = (
            *(keys.account_states(pool), keys.account_turns(pool), keys.account_limits(pool)),
            *(keys.account_changes(pool), keys.account_plan(pool), keys.account_order(pool)),
        )
        self._head = b"*%d\r\n" % _WORDS + _packed("EVALSHA", CHOOSE.sha, _KEYS)
        self._keys = _packed(*others)
        self._times = _packed(_CLAIM_MS, life_ms, _LEASE_MS, pool)
        self._rosters: dict[str, _OfModel] = {}

    def call(self, asking: Asking, roster: Roster, unfit: str, *, is_told: bool = False) -> Packed:
        """One call.

        Args:
            asking: whose call needs an account.
            roster: the accounts that the file allows.
            unfit: those of them that this call may not use, as the script reads them.
            is_told: Redis has said that it does not have the roster.
        """
        binding = self._states if asking.api_key is None else self._stem + asking.api_key.encode()
        of_model = self._of_model(asking, roster)
        data = b"".join(
            (
                *(self._head, _word(binding), self._keys, of_model.key),
                *(_MODES[asking.api_key is not None, asking.is_owned], _word(unfit.encode()), self._times),
                of_model.told(asking.model) if is_told else of_model.arguments,
            )
        )
        return Packed(("EVALSHA", CHOOSE.sha, _KEYS, binding), data)

    def _of_model(self, asking: Asking, roster: Roster) -> "_OfModel":
        if asking.is_owned:  # the roster has one account, and is made for this call
            arguments = _packed(asking.model, roster.packed, model_word(asking.model), "")
            return _OfModel(roster, _word(self._states), arguments, "")
        kept = self._rosters.get(asking.model)
        if kept is not None and kept.roster is roster:
            return kept
        if len(self._rosters) >= _ROSTERS:
            self._rosters.clear()
        digest = hashlib.sha1(roster.packed.encode(), usedforsecurity=False).hexdigest()
        arguments = _packed(asking.model, "", model_word(asking.model), digest)
        kept = _OfModel(roster, _packed(self._roster_stem + digest), arguments, digest)
        self._rosters[asking.model] = kept
        return kept


@frozen
class _OfModel:
    """What stays the same for a model, packed."""

    roster: Roster
    key: bytes
    """Of the roster."""
    arguments: bytes
    """Behind the times, without the roster where Redis may have it."""
    digest: str

    def told(self, model: str) -> bytes:
        """The arguments with the roster."""
        return _packed(model, self.roster.packed, model_word(model), self.digest)


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
