"""The three ways in which the body of an HTTP/1.1 message is framed, sans-IO: raw bytes in, payload bytes out.

The edge reads requests with it, and the client of upstreams reads answers. It is strict where two readers could see the
body end at two places: lines end in CRLF, and only a whole trailer ends a chunked body. It is written for one call per
socket read: chunk by chunk through h11 costs several times as much (ADR 4). Source: RFC 9112, 6 and 7.
"""

import re
from typing import Final, Protocol

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00\r\n]*)?\r\n")
"""Blanks as RFC 9112, 7.1.1 allows them, and before the line's end, where old servers pad. Fifteen digits are an exabyte; sixteen would not fit a signed machine word."""
_SIZE_LINE_BEGUN: Final = re.compile(rb"(?:[0-9A-Fa-f]{1,15}[ \t]*(?:;[^\x00\r\n]*)?\r?)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00\r\n\x0b\x0c]*")
"""A header field (RFC 9110, 5.5 and 5.6.2), without line folding, which that RFC forbids."""
_LINE_LIMIT: Final = 4096
"""Bytes of a chunk's size line in an answer; real ones have ten."""
_TRAILER_LIMIT: Final = 65536
"""Bytes of all trailers of an answer: as many fields as fit into it take 12 ms."""
_MANY_BYTES: Final = 1024
"""Of one read: a dozen chunks of a hurried site. From there on it is cheaper to cut them all in one call."""
_SIZES: Final = re.compile(rb"[0-9A-Fa-f]{1,15}(?: [0-9A-Fa-f]{1,15})*")


class BodyDecoder(Protocol):
    """A body under way."""

    done: bool
    """The last byte has been seen."""
    surplus: bytes
    """What came behind the last byte: a client's next request. A server has nothing to say there, so its connection cannot
    be used again."""
    malformed: bool
    """The bytes are not framed as the head said; nothing more can be read. No exception, because what stood before
    the mistake is payload still, however the bytes were cut."""
    oversized: bool
    """It is malformed because a size line or the trailers are too long."""

    def feed(self, data: bytes) -> bytes:
        """Takes what the socket gave and gives the payload in it, perhaps none."""
        ...

    def close(self) -> bool:
        """The peer closed: whether the body is whole."""
        ...


class SizedBody:
    """A body with `content-length`; 0 for answers that have none.

    Args:
        length: bytes of the whole body.
    """

    __slots__ = ("_left", "done", "malformed", "oversized", "surplus")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.surplus = b""
        self.malformed = False
        self.oversized = False

    def feed(self, data: bytes) -> bytes:
        """Takes what the socket gave and gives what of it belongs to the body."""
        left = self._left - len(data)
        if left < 0:
            self.surplus = data[self._left :]
            data = data[: self._left]
            left = 0
        self._left = left
        self.done = left == 0
        return data

    def close(self) -> bool:
        """The peer closed: whether the body is whole."""
        return self.done


class BodyUntilClose:
    """A body that ends when the peer closes: a cut cannot be told from its end here."""

    __slots__ = ("done", "malformed", "oversized", "surplus")

    def __init__(self) -> None:
        self.done = False
        self.surplus = b""
        self.malformed = False
        self.oversized = False

    def feed(self, data: bytes) -> bytes:
        """All that comes is the body."""
        return data

    def close(self) -> bool:
        """The peer closed, and that is the end."""
        self.done = True
        return True


class ChunkedBody:
    """A body in chunks. Trailers are read over.

    Args:
        line_limit: bytes of a chunk's size line with its extensions.
        trailer_limit: bytes of all trailers.
    """

    __slots__ = (
        "_held",
        "_in_trailers",
        "_left",
        "_line_limit",
        "_trailer_bytes",
        "_trailer_limit",
        "done",
        "malformed",
        "oversized",
        "surplus",
    )

    def __init__(self, line_limit: int = _LINE_LIMIT, trailer_limit: int = _TRAILER_LIMIT) -> None:
        self._line_limit = line_limit
        self._trailer_limit = trailer_limit
        self._held = b""
        self._left = 0
        """Bytes of the present chunk that are still to come, its line end included."""
        self._in_trailers = False
        self._trailer_bytes = 0
        self.done = False
        self.surplus = b""
        self.malformed = False
        self.oversized = False

    def feed(self, data: bytes) -> bytes:
        """Takes what the socket gave and gives the payload of all chunks in it, joined."""
        if self._held:
            data, self._held = self._held + data, b""
        is_at_chunk = not (self._left or self._in_trailers)
        if is_at_chunk and len(data) > _MANY_BYTES and (chunks := _plain_chunks(data)) is not None:
            return b"".join(chunks)
        pieces: list[bytes] = []
        at = self._finish_chunk(data, pieces) if self._left else 0
        while at < len(data) and not self._in_trailers:
            size_line = _SIZE_LINE.match(data, at)
            if size_line is None:
                self._hold_size_line(data[at:])
                break
            at, size = size_line.end(), int(size_line[1], 16)
            end = at + size
            if size == 0:
                self._in_trailers = True
            elif data[end : end + 2] == b"\r\n":
                pieces.append(data[at:end])
                at = end + 2
            else:
                self._left = size + 2
                at += self._finish_chunk(data[at:], pieces)
        if self._in_trailers:
            self._read_trailers(data, at)
        return b"".join(pieces)

    def close(self) -> bool:
        """The peer closed: whether the body is whole."""
        return self.done

    def _finish_chunk(self, data: bytes, pieces: list[bytes]) -> int:
        """Takes the rest of a chunk that began earlier; gives the index behind what was taken."""
        taken = min(self._left, len(data))
        content = min(self._left - 2, taken)
        if content > 0:
            pieces.append(data[:content])
        line_end = b"\r\n"[max(2 - self._left, 0) :]
        came = data[max(content, 0) : taken]
        if not line_end.startswith(came):
            self.malformed = True  # the chunk is longer than its size
            return len(data)
        self._left -= taken
        return taken

    def _hold_size_line(self, rest: bytes) -> None:
        """Keeps the begin of a size line until the rest of it comes."""
        self.oversized = len(rest) > self._line_limit
        self.malformed = self.oversized or _SIZE_LINE_BEGUN.fullmatch(rest) is None
        self._held = rest

    def _read_trailers(self, data: bytes, at: int) -> None:
        """Reads over header fields behind the last chunk, up to the empty line."""
        while (end := data.find(b"\r\n", at)) >= 0:
            if end == at:
                self.done = True
                self.surplus = data[end + 2 :]
                return
            if _TRAILER.fullmatch(data, at, end) is None:
                self.malformed = True
                return
            self._trailer_bytes += end - at
            at = end + 2
            if self._trailer_bytes > self._trailer_limit:
                break
        self._held = data[at:]
        self.oversized = self._trailer_bytes + len(self._held) > self._trailer_limit
        # An LF without its CR is refused at once: what else belongs to the line may never come.
        self.malformed = self.oversized or b"\n" in self._held


def _plain_chunks(data: bytes) -> list[bytes] | None:
    """The chunks in bytes that are nothing but whole ones, without line ends in them: cut in one call, then proved to be so."""
    lines = data.split(b"\r\n")
    sizes, chunks = lines[:-1:2], lines[1::2]
    if lines[-1] or b"" in chunks or _SIZES.fullmatch(b" ".join(sizes)) is None:
        return None
    return chunks if [int(size, 16) for size in sizes] == list(map(len, chunks)) else None
