"""Server-sent events out of bytes, sans-IO: pieces of a body in, the payloads of whole events out.

Source: WHATWG HTML, "Parsing an event stream", with two decisions of ours. Lines end at LF alone, one CR before it is
dropped: a lone CR as a line end was never seen from an upstream, and U+2028 stands raw inside JSON. A last event
whose blank line is missing counts if its own lines are whole: sites end their streams with one LF after `[DONE]`.
Fields other than `data` and comments are skipped.
"""

from typing import Final

FRAME_LIMIT: Final = 8 * 1024 * 1024
"""Bytes that may wait for their event's end. A whole tool call's input fits; an endless line does not fill memory."""
LINE_LIMIT: Final = 10_000
"""Lines that may wait for their event's end: cutting them takes one step of 2 ms. Sites write an event in one line."""

_PLAIN: Final = b"data: "
_NAMED: Final = b"event: "
_BLANK_LINE: Final = b"\n\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class FrameTooLong(ValueError):
    """More bytes or lines than the limit came without the blank line that ends an event. Comments count as well."""


class SseFrames:
    """Cuts one event stream.

    Any cut of the same bytes gives the same payloads. Work is linear in the bytes: what waits for its end is kept in
    pieces and joined once, when the end has come.

    Args:
        limit: bytes that may wait for an event's end.
    """

    __slots__ = ("_at_start", "_held", "_held_bytes", "_held_lines", "_limit", "_seam")

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._held_lines = 0
        self._seam = b""
        self._at_start = True

    def feed(self, data: bytes) -> list[bytes]:
        """Takes a piece and gives the payloads of the events that are whole now, in order, none of them empty.

        Raises:
            FrameTooLong: the stream is of no use any more.
        """
        if not (self._held or self._at_start) and data.endswith(_BLANK_LINE):
            return _cut(data)  # nearly every piece: whole events
        if self._held:
            if not _border(self._seam + data):
                self._hold(data)
                return []
            data = self._release() + data
        border = _border(data)
        if border < len(data):
            self._hold(data[border:])
            data = data[:border]
        return self._payloads(data) if data else []

    def end(self) -> list[bytes]:
        """The body has ended: gives the last event if all that it lacks is its blank line."""
        rest = self._release()
        return self._payloads(rest[: rest.rfind(b"\n") + 1] + b"\n")

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        self._held_lines += data.count(b"\n")
        if self._held_bytes > self._limit or self._held_lines > LINE_LIMIT:
            raise FrameTooLong(f"an event of more than {self._limit} bytes or {LINE_LIMIT} lines")
        # Two bytes are enough to see a border that was cut: of `\n\r\n` at most `\n\r` has come.
        self._seam = (self._seam + data[-2:])[-2:]

    def _release(self) -> bytes:
        held = b"".join(self._held)
        self._held, self._held_bytes, self._held_lines, self._seam = [], 0, 0, b""
        return held

    def _payloads(self, block: bytes) -> list[bytes]:
        """The payloads of a block that ends with a blank line."""
        if self._at_start:
            self._at_start = False
            block = block.removeprefix(_BYTE_ORDER_MARK)
        return _cut(block)


def _border(data: bytes) -> int:
    """Index just behind the last blank line, 0 if there is none."""
    plain = data.rfind(b"\n\n")
    border = plain + 2 if plain >= 0 else 0
    if b"\r" in data:
        carriage = data.rfind(b"\n\r\n")
        border = max(border, carriage + 3 if carriage >= 0 else 0)
    return border


def _cut(block: bytes) -> list[bytes]:
    """The payloads of a block that ends with a blank line.

    Nearly every block is events of one line of `data: ` each, behind the same line of `event: ` or behind none. It is cut in one
    call, and then proved to be so.
    """
    begin = _PLAIN if block.startswith(_PLAIN) else _named_beginning(block)
    if begin and b"\r" not in block:
        payloads = block[len(begin) : -len(_BLANK_LINE)].split(_BLANK_LINE + begin)
        if b"\n" not in b"".join(payloads) and b"" not in payloads:
            return payloads
    return _by_lines(block)


def _named_beginning(block: bytes) -> bytes:
    """What stands before the first payload: a line with the event's name, and the name of the field; empty if it is not that."""
    if not block.startswith(_NAMED):
        return b""
    end = block.find(b"\n") + 1
    return block[: end + len(_PLAIN)] if block.startswith(_PLAIN, end) else b""


def _by_lines(block: bytes) -> list[bytes]:
    """The payloads of any block, by the letter of the standard."""
    payloads: list[bytes] = []
    lines: list[bytes] = []
    for raw in block.split(b"\n"):
        line = raw.removesuffix(b"\r")
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif line == b"data":
            lines.append(b"")
        elif not line and lines:
            payload = b"\n".join(lines)
            if payload:
                payloads.append(payload)
            lines = []
    return payloads
