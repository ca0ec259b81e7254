"""The evidence of rollbacks in Redis. It holds figures and ids, so it is not sealed, and expires by itself."""

from typing import Final

from attrs import define

from mix2api.release.evidence import Evidence, evidence_bytes, read_evidence
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told

LIFE_MS: Final = 90 * 86_400_000
"""A quarter of a year: longer than anybody takes to fix a candidate. The audit entries that it rests on live a day."""


@define(eq=False, kw_only=True)
class KeptEvidence:
    """Reads and writes it.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what no guard wrote.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter

    async def keep(self, evidence: Evidence) -> None:
        """Keeps it. A second attempt writes the same.

        Raises:
            StoreUnavailable: Redis does not answer; it may have been kept.
        """
        key = self._keys.release_evidence(evidence.id)
        told(await self._link.execute(("SET", key, evidence_bytes(evidence), "PX", LIFE_MS)))

    async def load(self, name: str) -> Evidence | None:
        """What was kept under that id; None if nothing is, or it cannot be read.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = self._keys.release_evidence(name)
        (data,) = await self._link.execute(("GET", key))
        evidence = None if data is None or is_damage(data) else read_evidence(told([data])[0])
        if evidence is None and data is not None:
            self._damage.left(key)
        return evidence
