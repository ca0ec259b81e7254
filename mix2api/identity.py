"""The only place that mints ids. All are random beyond guessing; two of them carry something besides.

`ses_<shard, 4 hex><22 characters>_<MAC, 16 hex>`: the shard, and a proof that we issued it, so that a caller's
`x-session-id` is a name only if it is ours. `run_<milliseconds, 12 hex><16 hex>`: sorts by time.
"""

import base64
import re
import secrets
from collections.abc import Sequence
from typing import Final

from mix2api.clock import Clock
from mix2api.randomness import Randomness
from mix2api.sealing import Seal
from mix2api.vocabulary import Digest, ProcessId, RequestId, RunId, SessionId, Shard

_SESSION_ID: Final = re.compile(r"ses_([0-9a-f]{4})[A-Za-z0-9_-]{22}_([0-9a-f]{16})")
_MAC_LENGTH: Final = 17
"""`_` and 16 hex digits."""


class Mint:
    """Makes ids for one process.

    Args:
        seal: the deployment's.
        clock: for what sorts by time.
        randomness: of the process; one of its own if none is given.
    """

    def __init__(self, seal: Seal, clock: Clock, randomness: Randomness | None = None) -> None:
        self._seal = seal
        self._clock = clock
        self._randomness = Randomness() if randomness is None else randomness

    def draw_one(self, shards: Sequence[int]) -> Shard:
        """One of these shards, each as likely as the others."""
        return Shard(shards[self._randomness.below(len(shards))])

    def draw_percent(self) -> int:
        """A number from 0 to 99, each as likely as the others."""
        return self._randomness.below(100)

    def session_id(self, shard: Shard) -> SessionId:
        """A new session's id in that shard."""
        random = base64.urlsafe_b64encode(self._randomness.take(16)).rstrip(b"=").decode()
        stem = f"ses_{shard:04x}{random}"
        return SessionId(f"{stem}_{self._seal.mac(stem.encode())}")

    def issued(self, name: str) -> SessionId | None:
        """The session id that a caller's word is, if this deployment issued it."""
        found = _SESSION_ID.fullmatch(name)
        if found is None:
            return None
        mac = self._seal.mac(name[:-_MAC_LENGTH].encode())
        return SessionId(name) if secrets.compare_digest(mac, found[2]) else None

    def run_id(self) -> RunId:
        """A new run's id, later ones sorting after earlier ones (to the millisecond)."""
        return RunId(f"run_{self._clock.now_ms():012x}{self._randomness.take(8).hex()}")

    def call_id(self) -> str:
        """An id for a tool call whose own cannot be kept: `call_` and 128 random bits as hex."""
        return f"call_{self._randomness.take(16).hex()}"

    def word(self, prefix: str) -> str:
        """A new name for who brought none: `prefix` and 12 hex digits, as in `agent-0123456789ab`."""
        return f"{prefix}-{self._randomness.take(6).hex()}"

    @staticmethod
    def request_id() -> RequestId:
        """A request id for a caller who brought none."""
        return RequestId(f"req_{secrets.token_hex(12)}")

    def call_request_id(self) -> RequestId:
        """A request id for a request of our own, drawn from the process's randomness: a simulation draws it again."""
        return RequestId(f"req_{self._randomness.take(12).hex()}")

    def process_id(self) -> ProcessId:
        """This process, from now until it ends."""
        return ProcessId(f"p_{self._randomness.take(6).hex()}")


def caller_of(seal: Seal, credential: bytes) -> Digest:
    """Fingerprint of a caller: a keyed digest of the credential, which is empty for a caller without one."""
    return seal.digest(credential, "caller")


def is_session_id(word: str) -> bool:
    """Whether a word has a session id's form. Not whether we issued it: for that, ask `Mint.issued`."""
    return _SESSION_ID.fullmatch(word) is not None


def shard_of(session_id: SessionId) -> Shard:
    """The shard that a session id carries.

    Raises:
        ValueError: not a session id of ours.
    """
    found = _SESSION_ID.fullmatch(session_id)
    if found is None:
        raise ValueError("not a session id")
    return Shard(int(found[1], 16))
