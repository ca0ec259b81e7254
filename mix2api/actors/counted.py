"""An ending with estimated token counts, where turns are not counted and the site gave none. Pure."""

from msgspec.structs import replace

from mix2api.actors.translation import Translation
from mix2api.sessions.worker_port import Ended
from mix2api.wire.turn import Turn
from mix2api.wire.usage_estimate import estimated_usage


def counted(ended: Ended, turn: Turn, translation: Translation) -> Ended:
    """The ending with an estimate; itself if its client sees no counts.

    The log keeps what the site said, which is nothing: an estimate is for clients that cannot do without.

    Args:
        ended: a good ending.
        turn: what was asked.
        translation: of the answer.
    """
    if turn.stream and not turn.include_usage:
        return ended
    usage = estimated_usage(turn, translation.tally.content_bytes, sum(map(len, translation.answer.thoughts)))
    return replace(ended, usage=usage)
