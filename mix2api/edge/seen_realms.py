"""The realms in which this process has seen turns lately, and the summary that each has seen last (ADR 61).

An agent compacts a history after many turns. So the process that gets the compacted history has nearly always seen the realm,
and no index in Redis has to say so. Bounded, and nothing of a request can be read from it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from attrs import define, field

from mix2api.sessions.compaction import summary_in
from mix2api.wire.turn import Message

REALMS: Final = 4096
"""At most, the one that was seen longest ago goes first: 1 MB. A process serves fewer agents at a time."""


class Seen(NamedTuple):
    """What is known of a realm."""

    at_s: float
    """Of its last turn, on trio's clock."""
    summary: int | None
    """Hash of the summary that it has seen last."""


NEVER: Final = Seen(float("-inf"), None)


@define(eq=False)
class SeenRealms:
    """Lives on one event loop."""

    life_s: float = 1800.0
    """How long a realm counts after its last turn: as long as a session waits (`SESSION_TTL_MS`)."""
    turns: dict[int, Seen] = field(factory=dict, init=False)
    """Hash of a realm -> its last turn, the latest last. `Continuing` writes it with every turn, without a call."""

    def is_compacted(self, realm: int, before: Seen, messages: Iterable[Message]) -> bool:
        """Whether a summary stands in place of what a session of the realm may still hold. Says so once for each summary.

        Args:
            realm: of the turn. Where `turns` has forgotten it meanwhile, nothing is known of it.
            before: the turn before it.
            messages: its history, behind the leading instructions.
        """
        seen = self.turns.get(realm)
        if seen is None or seen.at_s - before.at_s > self.life_s:
            return False
        summary = summary_in(messages)
        if summary is None or hash(summary) == seen.summary:  # a twin may have come since
            return False
        self.turns[realm] = Seen(seen.at_s, hash(summary))
        return True
