"""Heads: a request as bytes, an answer's head out of bytes, sans-IO. Bodies of answers are `body`'s business.

An answer's head (RFC 9112, 4 and 5) is read as HTTP clients have to read what servers send: lines may end with LF alone,
a field may be folded over several lines (5.2), and interim answers (1xx) come before the one that counts. What decides
where the answer ends is read strictly: a length that is no number, two lengths, or another coding than `chunked` is
refused, because two readers of one connection could otherwise see different answers in it.
"""

import re
from typing import Final

from attrs import field, frozen

from mix2api.http_body import BodyDecoder, BodyUntilClose, ChunkedBody, SizedBody
from mix2api.upstreams.http.origin import Origin

HEAD_LIMIT: Final = 32768
"""Bytes of an answer's head with the interim answers before it: twice what Node reads, four times what nginx passes on. As
many fields as fit into it are read in one step of 14 ms."""
INTERIM_LIMIT: Final = 8
"""Interim answers (1xx) before the answer: real servers send one `100`, or a `103` or two."""
_WITHOUT_BODY: Final = frozenset({204, 304})
_SWITCHING: Final = 101
"""The peer speaks another protocol from here on, which nobody asked for."""
_FIRST_STATUS, _FIRST_FINAL = 100, 200

_HEAD_END: Final = re.compile(rb"\n\r?\n")
_STATUS_LINE: Final = re.compile(rb"HTTP/([0-9]\.[0-9]) ([0-9]{3})(?: [^\x00\n\r\x0b\x0c]*)?")
"""The reason and the blank before it may be missing, as some servers leave them out."""
_FIELD: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00\n\r\x0b\x0c]*)\r?\n")
"""RFC 9110, 5.1 and 5.5, but for control characters in values, which some servers send: only those that could end a line
for somebody are refused."""
_FIELDS: Final = re.compile(rb"(?:%s)*" % _FIELD.pattern)
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_LENGTH: Final = re.compile(r"[0-9]{1,20}")
_FIRST_PRINTABLE: Final = 0x21
"""No line of HTTP begins with a smaller byte; TLS's records do."""

_TARGET: Final = re.compile(r"[!-~]+")
_UNSENDABLE: Final = re.compile(r"[\x00\n\r\x0b\x0c]|^[ \t]|[ \t]$")
"""What would end a field's line early, or would not arrive as it is."""


class UnsendableHead(ValueError):
    """A request's path or a field's value would break its head. The text names the field and not the value."""


class MalformedHead(Exception):
    """What came is not the head of an HTTP/1.1 answer."""


class HeadTooLarge(Exception):
    """More than `HEAD_LIMIT` bytes came before the head's end."""


class TooManyInterim(Exception):
    """More than `INTERIM_LIMIT` interim answers came."""


@frozen(kw_only=True)
class HttpRequest:
    """One request; its body is sent whole."""

    origin: Origin
    path: str
    """Absolute, with the query if any."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Without `host`, `content-length`, `accept-encoding` and `connection`, which are the client's own."""
    body: bytes = field(repr=False)
    method: str = "POST"
    once: bool = False
    """It is never sent again where the peer may have read it: after 502 or 504, or where an idle connection closed under
    it."""

    def encoded(self) -> bytes:
        """The whole request: head and body in one piece, so that they leave in one write.

        Raises:
            UnsendableHead: see there.
        """
        if _TARGET.fullmatch(self.path) is None:
            raise UnsendableHead("the path")
        lines = [f"{self.method} {self.path} HTTP/1.1\r\nhost: {self.origin.host_header}\r\n"]
        for name, value in self.headers:
            if _UNSENDABLE.search(value) is not None:
                raise UnsendableHead(name)
            lines.append(f"{name}: {value}\r\n")
        # No coding of the answer: to unpack it costs more than a text stream's bytes.
        lines.append(f"accept-encoding: identity\r\ncontent-length: {len(self.body)}\r\n\r\n")
        return "".join(lines).encode("latin-1", "replace") + self.body


@frozen(kw_only=True)
class AnswerHead:
    """Status and header fields of an answer."""

    status: int
    headers: dict[str, str]
    """By lower-case name; of a repeated field the values are joined by a comma."""
    reusable: bool
    """After the body's last byte the connection may carry another request."""

    @property
    def media_type(self) -> str:
        """`content-type` without parameters, lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HeadReader:
    """Reads one answer's head, however it is cut."""

    __slots__ = ("_held", "_interim", "_read", "_searched", "began", "rest")

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        """Bytes of what is held in which no head ends."""
        self._read = 0
        """Bytes of the interim answers before."""
        self._interim = 0
        self.began = False
        """A byte of the answer has come."""
        self.rest = b""
        """What came behind the head: the body's first bytes, still framed."""

    def feed(self, data: bytes) -> AnswerHead | None:
        """Takes what the socket gave; gives the head once it is whole. Interim answers (1xx) are read over.

        Raises:
            MalformedHead: not HTTP/1.1, or contradicts itself.
            HeadTooLarge: longer than `HEAD_LIMIT`, interim answers included.
            TooManyInterim: more than `INTERIM_LIMIT` of those.
        """
        self.began = True
        self._held += data
        while (end := _HEAD_END.search(self._held, self._searched)) is not None:
            status_line, _, fields = bytes(self._held[: end.start() + 1]).partition(b"\n")
            del self._held[: end.end()]
            self._searched = 0
            self._read += end.end()
            head = _answer_head(status_line.removesuffix(b"\r"), fields)
            self._check_size(self._read)
            if head is not None:
                self.rest = bytes(self._held)
                return head
            self._count_interim()
        if self._held and self._held[0] < _FIRST_PRINTABLE:
            raise MalformedHead
        self._searched = max(0, len(self._held) - 2)  # of `\n\r\n` at most `\n\r` has come
        self._check_size(self._read + len(self._held))
        return None

    def _check_size(self, size: int) -> None:
        if size > HEAD_LIMIT:
            raise HeadTooLarge

    def _count_interim(self) -> None:
        self._interim += 1
        if self._interim > INTERIM_LIMIT:
            raise TooManyInterim


def _answer_head(status_line: bytes, fields: bytes) -> AnswerHead | None:
    """The head in its lines; None if it is an interim answer's."""
    said = _STATUS_LINE.fullmatch(status_line)
    if said is None:
        raise MalformedHead
    status, headers = int(said[2]), _headers(fields)
    framings = _check_framing(headers)
    if status < _FIRST_FINAL:
        if status < _FIRST_STATUS or status == _SWITCHING:
            raise MalformedHead
        return None
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    # A length beside chunks is how one answer is hidden inside another (RFC 9112, 6.3): chunks win, and nothing
    # of this connection is believed afterwards.
    ends_by_itself = framings == 1 or status in _WITHOUT_BODY
    reusable = said[1] >= b"1.1" and "close" not in options and ends_by_itself
    return AnswerHead(status=status, headers=headers, reusable=reusable)


def _headers(fields: bytes) -> dict[str, str]:
    """The header fields in these lines, each of which ends with LF."""
    if b"\n " in fields or b"\n\t" in fields:
        fields = _FOLD.sub(b" ", fields)
    if _FIELDS.fullmatch(fields) is None:
        raise MalformedHead
    values: dict[
        bytes, list[bytes]
    ] = {}  # joined once: one field repeated 8,000 times is joined in linear time
    for name, value in _FIELD.findall(fields):
        values.setdefault(name.lower(), []).append(value.strip(b" \t"))
    return {name.decode("ascii"): b", ".join(each).decode("latin-1") for name, each in values.items()}


def _check_framing(headers: dict[str, str]) -> int:
    """How many of the two fields that frame a body there are, each proved to be well-formed and brought into one form."""
    framings = 0
    if "content-length" in headers:
        # Servers and gateways repeat a length; equal ones are one (RFC 9112, 6.3).
        lengths = {length.strip() for length in headers["content-length"].split(",")}
        length = lengths.pop()
        if lengths or _LENGTH.fullmatch(length) is None:
            raise MalformedHead
        headers["content-length"] = length
        framings += 1
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise MalformedHead
        headers["transfer-encoding"] = "chunked"
        framings += 1
    return framings


def body_of(head: AnswerHead) -> BodyDecoder:
    """The decoder for the body behind this head (RFC 9112, 6.3), whose framing fields have been proved well-formed."""
    if head.status in _WITHOUT_BODY:
        return SizedBody(0)
    if "transfer-encoding" in head.headers:
        return ChunkedBody()
    if "content-length" in head.headers:
        return SizedBody(int(head.headers["content-length"]))
    return BodyUntilClose()
