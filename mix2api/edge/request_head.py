"""The head of one HTTP/1.1 request, from its bytes. Pure.

Strict where two servers could read one head differently (RFC 9112, 2.2, 5, 6.1 and 11.2): lines end in CRLF, fields are
not folded, a body is framed once. A head that is taken here means the same to h11; a property test holds that.
"""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import frozen

from mix2api.errors import InvalidRequest

HEAD_BYTES: Final = 16_384
"""Bytes of a head; agents behind two proxies send some 4,000."""
HEAD_END: Final = b"\r\n\r\n"
_FIELDS_MAX: Final = 256
"""Header fields of a request: more than twice what agents behind two proxies send (some 40 to 100)."""
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])")
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"):([^\x00\r\n\x0b\x0c]*)")
"""Name and value. The blanks around the value are stripped afterwards: a pattern for them could take quadratic time."""
_SLASHES: Final = re.compile("/{2,}")
_LENGTH: Final = re.compile(rb"[0-9]{1,20}")
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n")
_VERSIONS: Final = frozenset({b"1.0", b"1.1"})
_BAD_REQUEST: Final = 400
_HEAD_TOO_LONG: Final = 431
_NOT_IMPLEMENTED: Final = 501
_VERSION_NOT_SUPPORTED: Final = 505


class NotHttp(InvalidRequest):
    """What came is not a request of HTTP/1.1, or one that two servers might understand differently."""

    code = "malformed_http"

    def __init__(self, status: int = _BAD_REQUEST) -> None:
        super().__init__(
            "The request cannot be read: the edge takes well-formed HTTP/1.1 (and 1.0) in clear."
        )
        self.status = status


class HeadTooLong(NotHttp):
    """It has too many bytes or fields."""

    def __init__(self) -> None:
        super().__init__(_HEAD_TOO_LONG)


@frozen(kw_only=True)
class RequestHead:
    """What the head of a request says."""

    method: str
    """In capitals."""
    target: bytes
    """Path and query, whatever form the request line has."""
    version: str
    """`1.0` or `1.1`."""
    headers: list[tuple[bytes, bytes]]
    """In their order, names in lower case."""
    given: dict[bytes, bytes]
    """Header name in lower case -> value; of repeated ones the last."""
    length: int | None
    """Bytes of the body; None if it is chunked."""
    keeps_alive: bool
    """The client may send another request on this connection."""

    @property
    def path(self) -> str:
        """The target's path, decoded, and with one slash for several: base URLs end in one, and paths begin with one."""
        path = unquote(self.target.partition(b"?")[0].decode("ascii"))
        return _SLASHES.sub("/", path) if "//" in path else path

    @property
    def expects_continue(self) -> bool:
        """The client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)."""
        expected = self.given.get(b"expect")
        return expected is not None and expected.lower() == b"100-continue" and self.version == "1.1"


def head_length(data: bytes, seen: int) -> int:
    """Bytes of the head at the beginning of `data`, without its empty line; -1 as long as it is not whole.

    Args:
        data: what came, from the request line on.
        seen: bytes of it that an earlier call has looked at.

    Raises:
        NotHttp: it will not be a head: a line does not end in CRLF, or it is too long (`HeadTooLong`).
    """
    end = data.find(HEAD_END, max(0, seen - len(HEAD_END)))
    if end > HEAD_BYTES or (end < 0 and len(data) > HEAD_BYTES):
        raise HeadTooLong
    if end < 0 and _BARE_LINE_END.search(data, max(0, seen - 1)) is not None:
        raise NotHttp
    return end


def read_head(data: bytes) -> RequestHead:
    """Reads a head.

    Args:
        data: its lines, without the empty one at the end.

    Raises:
        NotHttp: it is not well-formed, too long, of another version, or its body is framed in two ways.
    """
    first, *lines = data.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise NotHttp
    method, target, version = line.groups()
    if version not in _VERSIONS:
        raise NotHttp(_VERSION_NOT_SUPPORTED)
    headers = _fields(lines)
    given = dict(headers)
    hosts = _values(headers, b"host") if len(given) < len(headers) else ()
    if len(hosts) > 1 or (b"host" not in given and version == b"1.1"):
        raise NotHttp
    return RequestHead(
        method=method.decode("ascii").upper(),
        target=target if target.startswith(b"/") else _origin_form(target),
        version=version.decode("ascii"),
        headers=headers,
        given=given,
        length=_body_length(headers, given, version),
        keeps_alive=version == b"1.1" and (b"connection" not in given or not _says_close(headers)),
    )


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    if len(lines) > _FIELDS_MAX:
        raise HeadTooLong
    headers = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise NotHttp
        headers.append((field[1].lower(), field[2].strip(b" \t")))
    return headers


def _origin_form(target: bytes) -> bytes:
    """Path and query of a target in another form than the usual one."""
    try:
        url = urlsplit(target.decode("ascii"))
    except ValueError:
        raise NotHttp from None
    path = url.path if url.path.startswith("/") else f"/{url.path}"
    return f"{path}?{url.query}".encode() if url.query else path.encode()


def _body_length(headers: list[tuple[bytes, bytes]], given: dict[bytes, bytes], version: bytes) -> int | None:
    """Bytes of the body, None if it is chunked.

    Raises:
        NotHttp: two servers may see the body end at two places (RFC 9112, 6.1 and 6.3): what follows it would be a
            request to one of them only. Or its coding is not known here (501).
    """
    if b"transfer-encoding" in given:
        if b"content-length" in given or version == b"1.0":
            raise NotHttp
        if [coding.lower() for coding in _values(headers, b"transfer-encoding")] != [b"chunked"]:
            raise NotHttp(_NOT_IMPLEMENTED)
        return None
    if b"content-length" not in given:
        return 0
    said = {part.strip(b" \t") for value in _values(headers, b"content-length") for part in value.split(b",")}
    if len(said) != 1 or not _LENGTH.fullmatch(length := said.pop()):
        raise NotHttp
    return int(length)


def _says_close(headers: list[tuple[bytes, bytes]]) -> bool:
    options = b",".join(_values(headers, b"connection")).lower().split(b",")
    return any(option.strip(b" \t") == b"close" for option in options)


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for each, value in headers if each == name]
