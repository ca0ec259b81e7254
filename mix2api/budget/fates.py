"""What became of a message that trimming changed, and why. Pure data."""

from enum import StrEnum
from typing import Final

from attrs import frozen


class TrimReason(StrEnum):
    """Why a message is not as it came. Closed; these words stand in events."""

    OLD_RESULT_SHORTENED = "old_result_shortened"
    OLD_CHAIN = "old_chain"
    OLD_WORDS_SHORTENED = "old_words_shortened"
    OLD_WORDS = "old_words"
    RECENT_SHORTENED = "recent_shortened"
    RECENT = "recent"


SHORTENINGS: Final = frozenset(
    {TrimReason.OLD_RESULT_SHORTENED, TrimReason.OLD_WORDS_SHORTENED, TrimReason.RECENT_SHORTENED}
)
"""The reasons under which a message is still there, shorter."""


@frozen
class Fate:
    """What became of one message that is not as it came."""

    place: int
    """In the history that was trimmed, from 0."""
    reason: TrimReason
    tokens_before: int
    tokens_after: int
    """0 where it went."""
