"""A body that the site has packed (`content-encoding`), whether it was asked to or not: unpacked as it comes. Sans-IO."""

from typing import Final

from mix2api.http_body import BodyDecoder
from mix2api.unpacking import DamagedPacking, Unpacked, Unpacker, is_packed, unpacker_for
from mix2api.upstreams.http.head import AnswerHead, body_of

_READ_BYTES: Final = 4 * 1024 * 1024
"""Unpacked of what one read of the socket gave (64 KiB), at most: 15 ms. Text packs by a factor of some ten."""

_GZIPPED: Final = 0x1F
"""The first byte of gzip (RFC 1952, 2.3.1). No text begins with it."""


class PackedBody:
    """The port `mix2api.http_body.BodyDecoder` around the framing's own.

    Args:
        framed: takes the framing away.
        unpacker: takes the packing away.
        limit: bytes of the whole body, unpacked.
        gzipped: whether it should be gzip. A body that does not begin so is taken as it is: gateways unpack bodies and
            leave the header.
    """

    __slots__ = ("_framed", "_left", "_undecided", "_unpacker", "done", "malformed", "oversized", "surplus")

    def __init__(self, framed: BodyDecoder, unpacker: Unpacker, limit: int, *, gzipped: bool = False) -> None:
        self._framed = framed
        self._undecided = gzipped
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
        if self._undecided and packed:
            self._undecided = False
            if packed[0] != _GZIPPED:
                self._unpacker = Unpacked()
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
    encoding = _encoding(head)
    unpacker = None if framed.done else unpacker_for(encoding)
    if unpacker is None:
        return framed
    return PackedBody(framed, unpacker, limit, gzipped=encoding.strip().lower().endswith("gzip"))


def is_unreadable(head: AnswerHead) -> bool:
    """Whether the body is packed in a way that nobody here can unpack."""
    encoding = _encoding(head)
    return is_packed(encoding) and unpacker_for(encoding) is None


def _encoding(head: AnswerHead) -> str:
    return head.headers.get("content-encoding", "")
