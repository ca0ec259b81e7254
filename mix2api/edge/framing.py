"""Where the body of a request ends: by its length, or by its last chunk. Sans-IO: what came in, payload out.

Strict like the head (`mix2api.edge.request_head`): lines end in CRLF, and only a whole trailer ends a chunked body. Another
server in front of this one must not see the body end elsewhere. Source: RFC 9112, 7.1.
"""

import re
from typing import Final, Protocol

from mix2api.edge.request_head import HEAD_BYTES, HeadTooLong, NotHttp

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00\r\n]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00\r\n\x0b\x0c]*")
_LINE_END: Final = b"\r\n"


class Framing(Protocol):
    """A body under way."""

    is_whole: bool
    """Its last byte has come."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Takes what came; gives the payload in it, and what stands behind the body's end.

        Raises:
            NotHttp: it is not framed as the head says.
        """
        ...


class SizedFraming:
    """A body of so many bytes."""

    __slots__ = ("_left", "is_whole")

    def __init__(self, length: int) -> None:
        self._left = length
        self.is_whole = length == 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Gives what belongs to the body, and what does not."""
        if len(data) <= self._left:
            payload, rest = data, b""
        else:
            payload, rest = data[: self._left], data[self._left :]
        self._left -= len(payload)
        self.is_whole = self._left == 0
        return payload, rest


class ChunkedFraming:
    """A body in chunks. Trailers are read over."""

    __slots__ = ("_held", "_in_trailer", "_left", "_trailer_bytes", "is_whole")

    def __init__(self) -> None:
        self._held = b""
        """A line that has begun."""
        self._left = 0
        """Bytes of the present chunk that are to come, and of the line end behind it."""
        self._in_trailer = False
        self._trailer_bytes = 0
        self.is_whole = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Gives the payload of all chunks in it, joined, and what stands behind the trailer.

        Raises:
            NotHttp: a line is none, does not end in CRLF, or is too long.
        """
        data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        while not self.is_whole:
            if self._left:
                if at == len(data):
                    break
                at = self._in_chunk(data, at, pieces)
                continue
            end = data.find(_LINE_END, at)
            if end < 0:
                self._hold(data[at:])
                break
            self._take_line(data[at:end])
            at = end + len(_LINE_END)
        return b"".join(pieces), data[at:] if self.is_whole else b""

    def _in_chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Takes what there is of a chunk and its line end; gives where it stops."""
        payload = min(max(0, self._left - len(_LINE_END)), len(data) - at)
        if payload:
            pieces.append(data[at : at + payload])
            self._left -= payload
            at += payload
        while at < len(data) and 0 < self._left <= len(_LINE_END):
            if data[at] != _LINE_END[-self._left]:
                raise NotHttp
            self._left -= 1
            at += 1
        return at

    def _take_line(self, line: bytes) -> None:
        if not self._in_trailer:
            size = _SIZE_LINE.fullmatch(line)
            if size is None:
                raise NotHttp
            length = int(size[1], 16)
            self._in_trailer = length == 0
            self._left = length + len(_LINE_END) if length else 0
        elif not line:
            self.is_whole = True
        elif _TRAILER.fullmatch(line) is None:
            raise NotHttp
        else:
            self._trailer_bytes += len(line)
            self._bound(self._trailer_bytes)

    def _hold(self, line: bytes) -> None:
        if b"\n" in line:
            raise NotHttp
        self._bound(len(line) + self._trailer_bytes)
        self._held = line

    def _bound(self, size: int) -> None:
        if size > HEAD_BYTES:
            raise HeadTooLong


def framing_of(length: int | None) -> Framing:
    """The framing of a body of that many bytes; of a chunked one, if None."""
    return ChunkedFraming() if length is None else SizedFraming(length)
