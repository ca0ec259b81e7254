"""Heads of requests and answers through h11, sans-IO. Bodies of answers are `body`'s business."""

import sys
from typing import Final

import h11
from attrs import field, frozen

from mix2api.upstreams.http.body import BodyDecoder, BodyUntilClose, ChunkedBody, SizedBody
from mix2api.upstreams.http.origin import Origin

HEAD_LIMIT: Final = 32768
"""Bytes of an answer's head with the interim answers before it: twice what Node reads, four times what nginx passes on. As
many fields as fit into it are read in one step of 16 ms."""
INTERIM_LIMIT: Final = 8
"""Interim answers (1xx) before the answer: real servers send one `100`, or a `103` or two."""
_WITHOUT_BODY: Final = frozenset({204, 304})


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
    """One request's head out, one answer's head in."""

    def __init__(self) -> None:
        # h11 bounds only what is incomplete after a read: a whole head of twice the bound would pass. `feed` counts itself.
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=sys.maxsize)
        self._bytes = 0
        self._interim = 0
        self.began = False
        """A byte of the answer has come."""

    def encode(self, request: HttpRequest) -> bytes:
        """The whole request as bytes: head and body in one piece, so that they leave in one write."""
        head = h11.Request(
            method=request.method,
            target=request.path,
            headers=[
                (name.encode("ascii"), value.encode("latin-1", "replace"))
                for name, value in (
                    ("host", request.origin.host_header),
                    *request.headers,
                    ("accept-encoding", "identity"),  # unpacking costs more than a text stream's bytes
                    ("content-length", str(len(request.body))),
                )
            ],
        )
        pieces = (self._h11.send(head), self._h11.send(h11.Data(request.body)))
        self._h11.send(h11.EndOfMessage())
        return b"".join(piece for piece in pieces if piece)

    def feed(self, data: bytes) -> AnswerHead | None:
        """Takes what the socket gave; gives the head once it is whole. Interim answers (1xx) are read over.

        Raises:
            MalformedHead: not HTTP/1.1, or contradicts itself.
            HeadTooLarge: longer than `HEAD_LIMIT`, interim answers included.
            TooManyInterim: more than `INTERIM_LIMIT` of those.
        """
        self.began = True
        self._bytes += len(data)
        try:
            self._h11.receive_data(data)
            while not isinstance(event := self._h11.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    self._check_size(self._bytes)
                    return None
                self._count_interim()
        except h11.RemoteProtocolError as fault:
            # h11 raises such a fault from one of its own methods: the fault refers to a frame that refers to the fault.
            fault.__traceback__ = None
            raise MalformedHead from None
        self._check_size(self._bytes - len(self.rest))
        return _answer_head(event)

    def _check_size(self, size: int) -> None:
        if size > HEAD_LIMIT:
            raise HeadTooLarge

    def _count_interim(self) -> None:
        self._interim += 1
        if self._interim > INTERIM_LIMIT:
            raise TooManyInterim

    @property
    def rest(self) -> bytes:
        """What came behind the head: the body's first bytes, still framed."""
        return self._h11.trailing_data[0]


def _answer_head(event: h11.Response) -> AnswerHead:
    values: dict[str, list[str]] = {}  # joined once: one field repeated 10,000 times is joined in linear time
    for raw_name, raw_value in event.headers:
        values.setdefault(raw_name.decode("ascii"), []).append(raw_value.decode("latin-1"))
    headers = {name: ", ".join(said) for name, said in values.items()}
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    # A length beside chunks is how one answer is hidden inside another (RFC 9112, 6.3): chunks win, and nothing
    # of this connection is believed afterwards.
    framings = ("transfer-encoding" in headers) + ("content-length" in headers)
    ends_by_itself = framings == 1 or event.status_code in _WITHOUT_BODY
    return AnswerHead(
        status=event.status_code,
        headers=headers,
        reusable=event.http_version >= b"1.1" and "close" not in options and ends_by_itself,
    )


def body_of(head: AnswerHead) -> BodyDecoder:
    """The decoder for the body behind this head (RFC 9112, 6.3). h11 has proved the fields to be well formed."""
    if head.status in _WITHOUT_BODY:
        return SizedBody(0)
    if "transfer-encoding" in head.headers:
        return ChunkedBody()
    if "content-length" in head.headers:
        return SizedBody(int(head.headers["content-length"]))
    return BodyUntilClose()
