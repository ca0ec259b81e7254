"""The one place where what goes wrong on an HTTP connection becomes an `UpstreamFault`.

No message names a host: messages go to clients, and where the site lives is not theirs to know.
"""

from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason


def connect_failed() -> UpstreamFault:
    """No connection: name, route, refusal or TLS; nothing of a request has left on it."""
    return UpstreamFault(
        EndReason.UPSTREAM_ERROR,
        Detail.CONNECT_FAILED,
        "the upstream cannot be reached",
        taken=False,
    )


def no_descriptor() -> UpstreamFault:
    """No connection, for this process has no file descriptor left: our own limit."""
    return UpstreamFault(EndReason.OVERLOADED, Detail.DESCRIPTORS, "", taken=False)


def timed_out(limit: Detail, *, sent: bool, status: int | None) -> UpstreamFault:
    """A limit of `Timeouts` passed; `sent`: a byte of the request may have left. Reason and detail say all there is to say."""
    return UpstreamFault(
        EndReason.TIMEOUT,
        limit,
        "",
        status=status,
        taken=sent,
    )


def truncated(status: int | None) -> UpstreamFault:
    """The connection ended before the answer did."""
    return UpstreamFault(
        EndReason.UPSTREAM_ERROR,
        Detail.TRUNCATED,
        "the upstream's answer was cut off",
        status=status,
    )


class Unanswered(UpstreamFault):
    """An idle connection closed under a request that may be sent only once: nobody knows whether the peer has read it."""

    def __init__(self) -> None:
        super().__init__(
            EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, "the upstream closed the connection without an answer"
        )


def too_large(what: str, status: int | None) -> UpstreamFault:
    """A bound in bytes was passed; `what` is a sentence of ours that names it."""
    return UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.TOO_LARGE, what, status=status)


def too_many(what: str, status: int | None) -> UpstreamFault:
    """A bound in number was passed; `what` is a sentence of ours that names it."""
    return UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.TOO_MANY, what, status=status)


def protocol(what: str, status: int | None) -> UpstreamFault:
    """The answer is not what it says it is; `what` is a sentence of ours, with the site's words at most."""
    return UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.PROTOCOL, what, status=status)
