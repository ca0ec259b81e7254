"""What a client is told when no `end` event says it: its turn never began, or somebody else has ended it.

The words for runs that did end are in `mix2api.sessions.client_words`.
"""

from typing import Final

from msgspec.structs import replace

from mix2api.errors import ContextLengthExceeded, Overloaded, PreviousResponseNotFound
from mix2api.sessions.client_words import refused
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import Detail, EndReason

ELSEWHERE: Final = frozenset({Detail.NO_OWNER, Detail.DRAIN})
"""Refusals that say nothing of the turn: another process may take it."""


def overloaded(detail: Detail, message: str) -> Ended:
    """One of our own limits."""
    return refused(EndReason.OVERLOADED, detail, message)


def told(fault: Overloaded) -> Ended:
    """The same refusal, for a turn whose client waits already."""
    ended = refused(EndReason.OVERLOADED, fault.detail, fault.message, fault.retry_after_s)
    return replace(ended, worker_channel=fault.worker_channel)


def full() -> Overloaded:
    """No slot is free, and the queue before them is full."""
    return Overloaded(
        "this process runs and queues as many requests as it may; try again",
        detail=Detail.QUEUE,
        retry_after_s=1,
    )


def queued_too_long() -> Ended:
    """No slot became free, or its session was busy, until its deadline."""
    return overloaded(Detail.DEADLINE, "the request waited too long for its turn; try again")


def draining() -> Ended:
    """The process is told to stop."""
    return overloaded(Detail.DRAIN, "this process is stopping; try again")


def not_owner() -> Ended:
    """The session's shard went to another process."""
    return overloaded(Detail.NO_OWNER, "this process no longer owns the session's shard; try again")


def expired() -> Ended:
    """It lay in an inbox until its deadline."""
    return overloaded(Detail.EXPIRED, "the request was not begun in time; try again")


def store_away() -> Ended:
    """The store did not answer in time."""
    return refused(EndReason.UNAVAILABLE, message="the event log cannot be reached; nothing was accepted")


def busy() -> Ended:
    """The store answers, but the request could not be made durable: this process had too much to do."""
    return overloaded(Detail.BUSY, "this process is too busy to begin the request; try again")


def no_descriptor() -> Ended:
    """The store cannot be asked: this process has no file descriptor left."""
    return overloaded(Detail.DESCRIPTORS, "this process has no file descriptor left; try again")


def not_logged(*, away: bool, starved: bool) -> Ended:
    """A request could not be made durable.

    Args:
        away: the store does not answer. Else it does, and this process had too much to do.
        starved: it is away only because this process has no file descriptor to reach it.
    """
    if starved:
        return no_descriptor()
    return store_away() if away else busy()


def taken_over() -> Ended:
    """Another process has ended the run in the log: what this client sees must not be a finish."""
    return refused(
        EndReason.WORKER_LOST,
        Detail.FENCED,
        "this process lost the request: another took it over, or the event log was emptied",
    )


def adapter_fault(fault: Exception) -> Ended:
    """A mistake of ours: its class is told, its text never."""
    return refused(EndReason.ADAPTER_ERROR, type(fault).__name__)


def with_refusal(ended: Ended, refused: ContextLengthExceeded | None) -> Ended:
    """The ending of a turn that does not fit, in the words of its refusal."""
    if refused is None:
        return ended
    return replace(ended, message=refused.message, error_code=refused.error_code, param=refused.param)


def previous_gone() -> Ended:
    """The response that it goes on from was not the session's last, or its session is over: the history is lost to us."""
    ended = refused(
        EndReason.INVALID_REQUEST,
        message="The previous response cannot be gone on from any more: send the whole history as `input`.",
    )
    return replace(ended, error_code=PreviousResponseNotFound.code, param="previous_response_id")


def unknown_call() -> Ended:
    """It has the result of a call that the session did not make."""
    ended = refused(
        EndReason.INVALID_REQUEST,
        message="A function call's output names a call that the previous response did not make.",
    )
    return replace(ended, error_code="tool_call_id_mismatch", param="input")


def given_up(end_reason: EndReason, detail: Detail) -> Ended:
    """Its client or its edge is gone: nobody reads this, but every turn ends."""
    return refused(end_reason, detail, "given up before it began")


def superseded() -> Ended:
    """A newer request of the same client session came before its turn did."""
    return refused(EndReason.SUPERSEDED)
