"""What an edge tells a client whose run, in another process, will not tell it any more."""

from mix2api.events.kinds import End
from mix2api.sessions.client_words import ended_reply, refused
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import SUCCESSES, Detail, EndReason


def of_end(end: End) -> Ended:
    """The log has the run's `end`, and the replies before it are lost."""
    # The end stands; what the client was to see before it was lost: a finish would be a lie.
    return lost(Detail.MID_STREAM) if end.end_reason in SUCCESSES else ended_reply(end)


def is_in_doubt(ended: Ended) -> bool:
    """Whether the store may still take the run that its client was refused. A receipt without a run does no harm."""
    return ended.end_reason is EndReason.UNAVAILABLE or ended.detail == Detail.BUSY


def lost(detail: Detail) -> Ended:
    """The process that ran it is gone; `detail` says how far it had come."""
    return refused(EndReason.WORKER_LOST, detail)


def store_away() -> Ended:
    """The replies come by Redis, and that does not answer."""
    return refused(
        EndReason.UNAVAILABLE,
        message="the event log cannot be reached, and the rest of the answer with it; try again",
    )


def expired() -> Ended:
    """Nobody began it before its deadline."""
    return refused(EndReason.OVERLOADED, Detail.EXPIRED, "no worker began the request in time; try again")
