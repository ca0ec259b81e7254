"""A body that the site has packed (`content-encoding`), whether it was asked to or not: unpacked as it comes. Sans-IO."""

from typing import Final

from mix2api.http_body import BodyDecoder
from mix2api.unpacking import DamagedPacking, Unpacker, is_packed, unpacker_for
from mix2api.upstreams.http.head import AnswerHead, body_of

_READ_BYTES: Final = 4 * 1024 * 1024
"""Unpacked of what one read of the socket gave (64 KiB), at most: 15 ms. Text packs by a factor of some ten."""


class PackedBody:
    """The port `mix2api.http_body.BodyDecoder` around the framing's own.

    Args:
        framed: takes the framing away.
        unpacker: takes the packing away.
        limit: bytes of the whole body, unpacked.
    """

    __slots__ = ("_framed", "_left", "_unpacker", "done", "malformed", "oversized", "surplus")

    def __init__(self, framed: BodyDecoder, unpacker: Unpacker, limit: int) -> None:
        self._framed = framed
        self._unpacker = unpacker
        self._left = limit
        self.done = False
        self.surplus = b""
        self.malformed = False
        self.oversized = False

    def feed(self, data: bytes) -> bytes:
        """Takes what the socket gave and gives what is in it, perhaps nothing."""
        framed = self._framed
        unpacked = b"" if self.malformed else self._unpacked(framed.feed(data))
        self._left -= len(unpacked)
        self.surplus = framed.surplus
        self.oversized = self.oversized or framed.oversized
        self.malformed = self.malformed or framed.malformed or (framed.done and not self._unpacker.is_whole)
        self.done = framed.done and not self.malformed
        return unpacked

    def close(self) -> bool:
        """The peer closed: whether the body is whole."""
        self.done = self._framed.close() and self._unpacker.is_whole
        return self.done

    def _unpacked(self, packed: bytes) -> bytes:
        pieces: list[bytes] = []
        room = min(self._left, _READ_BYTES)
        try:
            for piece in self._unpacker.pieces(packed):
                pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    self.malformed = self.oversized = True
                    break
        except DamagedPacking:
            self.malformed = True
        return b"".join(pieces)


def unpacked_body_of(head: AnswerHead, limit: int) -> BodyDecoder:
    """The decoder for the body behind this head, with its packing taken away where that can be.

    Args:
        head: of the answer.
        limit: bytes that a packed body may have, unpacked.
    """
    framed = body_of(head)
    unpacker = None if framed.done else unpacker_for(_encoding(head))
    return framed if unpacker is None else PackedBody(framed, unpacker, limit)


def is_unreadable(head: AnswerHead) -> bool:
    """Whether the body is packed in a way that nobody here can unpack."""
    encoding = _encoding(head)
    return is_packed(encoding) and unpacker_for(encoding) is None


def _encoding(head: AnswerHead) -> str:
    return head.headers.get("content-encoding", "")
