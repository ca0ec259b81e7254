"""What a client is told when no `end` event says it: its turn never began, or somebody else has ended it.

The words for runs that did end are in `mix2api.sessions.client_words`.
"""

from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import TOO_MUCH_AT_ONCE, Detail, EndReason

_TOO_MUCH_STATUS = 429
_UNAVAILABLE_STATUS = 503


def overloaded(detail: Detail, message: str, retry_after_s: int = 1) -> Ended:
    """One of our own limits: 429 where the caller sent too much at once, else 503."""
    return Ended(
        end_reason=EndReason.OVERLOADED,
        detail=detail.value,
        http_status=_TOO_MUCH_STATUS if detail in TOO_MUCH_AT_ONCE else _UNAVAILABLE_STATUS,
        message=message,
        error_type=Overloaded.type,
        error_code=Overloaded.code,
        retry_after_s=retry_after_s,
    )


def told(fault: Overloaded) -> Ended:
    """The same refusal, for a turn whose client waits already."""
    return overloaded(fault.detail, fault.message, fault.retry_after_s or 1)


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
    return Ended(
        end_reason=EndReason.UNAVAILABLE,
        http_status=StoreUnavailable.status,
        message="the event log cannot be reached; nothing was accepted",
        error_type=StoreUnavailable.type,
        error_code=StoreUnavailable.code,
        retry_after_s=1,
    )


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
    return Ended(
        end_reason=EndReason.WORKER_LOST,
        detail=Detail.FENCED.value,
        http_status=503,
        message="this process lost the request: another took it over, or the event log was emptied",
        error_code="worker_lost",
        retry_after_s=1,
    )


def adapter_fault(fault: Exception) -> Ended:
    """A mistake of ours: its class is told, its text never."""
    return Ended(
        end_reason=EndReason.ADAPTER_ERROR,
        detail=type(fault).__name__,
        http_status=500,
        message="this server made a mistake",
        error_code="adapter_error",
    )


def given_up(end_reason: EndReason, detail: Detail) -> Ended:
    """Its client or its edge is gone: nobody reads this, but every turn ends."""
    return Ended(
        end_reason=end_reason, detail=detail.value, http_status=503, message="given up before it began"
    )
