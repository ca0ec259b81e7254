"""Arguments and replies of the Redis model, and how replies go over a connection (RESP2)."""

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

Arguments = list[bytes]


@frozen
class Blocked:
    """There is no reply yet: it comes when one of the keys is written, or later."""

    keys: tuple[bytes, ...]
    again: Arguments
    for_s: float


class Refused(Exception):
    """A command failed; the text is the error reply."""


_NOT_A_NUMBER = "ERR value is not an integer or out of range"


def number_in(word: bytes) -> int:
    """The whole number that an argument is."""
    try:
        value = int(word)
    except ValueError:
        raise Refused(_NOT_A_NUMBER) from None
    if str(value).encode() != word or not -(2**63) <= value < 2**63:
        raise Refused(_NOT_A_NUMBER)
    return value
