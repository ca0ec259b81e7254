"""Heads of requests and answers through h11, sans-IO. Bodies of answers are `body`'s business."""

from typing import Final

import h11
from attrs import field, frozen

from mix2api.upstreams.http.body import BodyDecoder, BodyUntilClose, ChunkedBody, SizedBody
from mix2api.upstreams.http.origin import Origin

HEAD_LIMIT: Final = 65536
"""Bytes of an answer's head that may wait for its end; nginx sends at most 8 kB, a long cookie list some more."""
_WITHOUT_BODY: Final = frozenset({204, 304})


class MalformedHead(Exception):
    """What came is not the head of an HTTP/1.1 answer."""


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
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
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
            MalformedHead: not HTTP/1.1, contradicts itself, or is longer than `HEAD_LIMIT`.
        """
        self.began = True
        try:
            self._h11.receive_data(data)
            while True:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.Response):
                    return _answer_head(event)
        except h11.RemoteProtocolError as fault:
            # h11 raises such a fault from one of its own methods: the fault refers to a frame that refers to the fault.
            fault.__traceback__ = None
            raise MalformedHead from None

    @property
    def rest(self) -> bytes:
        """What came behind the head: the body's first bytes, still framed."""
        return self._h11.trailing_data[0]


def _answer_head(event: h11.Response) -> AnswerHead:
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
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
