"""Turns of two channels in the audit stream of a real store, with moments of the past: a guard leaves the newest seconds alone."""

from itertools import count
from typing import Any

from msgspec import json
from msgspec.structs import replace
from projections.test_traffic import ASKED, ENDED
from redis_server import RedisServer

from mix2api.events.audit_entry import EndSummary, RequestSummary
from mix2api.store.store import Store
from mix2api.vocabulary import Channel, EndReason, Receipt, Shard


class AuditedTurns:
    """Writes turns, each of a session of its own.

    Args:
        store: whose keys.
        redis: where they go.
        at_ms: the moment of the first one, Unix milliseconds on the store's clock.
    """

    def __init__(self, store: Store, redis: RedisServer, at_ms: int) -> None:
        self._store, self._redis = store, redis
        self.at_ms = at_ms
        self._numbers = count()
        self._waiting: list[tuple[str | bytes, ...]] = []

    def _turn(self, *, canary: bool, bad: bool, shard: int = 1, **fields: Any) -> None:
        """One turn and its receipt."""
        number = next(self._numbers)
        run, session = f"run_{self.at_ms:012x}{number:016x}", f"ses_{number}"
        known: dict[str, Any] = {
            "at_ms": self.at_ms,
            "channel": Channel.CANARY if canary else Channel.STABLE,
            "turn": f"{number:016x}",
            "session_age_ms": 0,
            "end_reason": EndReason.TIMEOUT if bad else EndReason.STOP,
        } | fields
        asked = replace(
            ASKED, **{name: known[name] for name in known if name in RequestSummary.__struct_fields__}
        )
        ended = replace(
            ENDED, **{name: known[name] for name in known if name in EndSummary.__struct_fields__}
        )
        parts = ("k", "run", "r", run, "s", session, "a", json.encode(asked), "e", json.encode(ended))
        self._add(shard, 2 * number, parts)
        receipt = Receipt.ERROR_WRITTEN if bad else Receipt.WRITTEN
        told = ("k", "receipt", "r", run, "s", session, "i", "req-1", "w", receipt, "t", ended.end_reason)
        self._add(shard, 2 * number + 1, told)

    def turns(self, stable: int, stable_bad: int, canary: int, canary_bad: int, **fields: Any) -> None:
        """So many turns of each channel, so many of them bad, within a moment; then five seconds pass.

        `fields` are the summaries' own, and the shard.
        """
        for number in range(stable):
            self._turn(canary=False, bad=number < stable_bad, **fields)
        for number in range(canary):
            self._turn(canary=True, bad=number < canary_bad, **fields)
        self._redis.commands(self._waiting)
        self._waiting.clear()
        self.at_ms += 5_000

    def _add(self, shard: int, number: int, parts: tuple[str | bytes, ...]) -> None:
        self._waiting.append(("XADD", self._store.keys.audit(Shard(shard)), f"{self.at_ms}-{number}", *parts))
