"""Replies of the Redis model, and how they go over a connection (RESP2)."""

from typing import Any

from attrs import frozen


@frozen
class Status:
    """A reply that is a status, as `OK`."""

    text: bytes


@frozen
class Refusal:
    """A reply that is an error."""

    text: str


def encode(reply: Any) -> bytes:
    """The reply as the server sends it."""
    match reply:
        case None:
            return b"$-1\r\n"
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case int():
            return b":%d\r\n" % reply
        case list():
            return b"*%d\r\n%b" % (len(reply), b"".join(map(encode, reply)))
        case Status():
            return b"+%b\r\n" % reply.text
        case Refusal():
            return b"-%b\r\n" % reply.text.encode()
        case _:
            raise NotImplementedError(f"no reply: {reply!r}")


NOTHING_IN_TIME = b"*-1\r\n"
"""The reply to a blocking read that found nothing."""
