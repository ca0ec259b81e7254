"""In which form a site answers: a stream of events, one JSON value, a web page. Told by the first bytes of the body. Pure.

The content type is a hint only: streams come as `text/plain` and as JSON, errors come as event streams, and gateways put
their pages before either.
"""

from enum import StrEnum
from typing import Final

from mix2api.upstreams.http.head import AnswerHead

_BLANK: Final = b" \t\r\n"
_MARK: Final = b"\xef\xbb\xbf"
_FIELDS: Final = (b"data", b"event", b"id", b"retry", b":")
"""What a line of an event stream begins with (WHATWG HTML, "Parsing an event stream")."""
_LONGEST_FIELD: Final = max(map(len, _FIELDS)) + 1
_GZIP: Final = b"\x1f\x8b"
"""How gzip begins (RFC 1952, 2.3.1)."""


class Form(StrEnum):
    """Of an answer's body."""

    STREAM = "stream"
    JSON = "json"
    PAGE = "page"
    PACKED = "packed"
    """gzip that no header tells of."""
    UNKNOWN = "unknown"


def form_of(begun: bytes, head: AnswerHead, *, ended: bool = False) -> Form | None:
    """The form of a body; None while its bytes are too few to tell.

    Args:
        begun: the body so far.
        head: of the answer, for what the first bytes leave open.
        ended: nothing more will come.
    """
    text = begun.removeprefix(_MARK).lstrip(_BLANK)
    if not text:
        return declared_form(head) if ended else None
    if text[:1] in b"{[":
        return Form.JSON
    if text[:1] == b"<":
        return Form.PAGE
    if text.startswith(_GZIP):
        return Form.PACKED
    if begins_stream(text):
        return Form.STREAM
    if len(text) < _LONGEST_FIELD and not ended and any(field.startswith(text) for field in _FIELDS):
        return None
    return declared_form(head)


def begins_stream(text: bytes) -> bool:
    """Whether a body that begins so begins with a field of an event stream, or with a comment."""
    return any(text.startswith(field + b":") or text == field for field in _FIELDS) or text[:1] == b":"


def declared_form(head: AnswerHead) -> Form:
    """The form by the answer's own declaration."""
    if head.media_type == "text/event-stream" or "x-vercel-ai-ui-message-stream" in head.headers:
        return Form.STREAM
    if head.media_type == "application/json" or head.media_type.endswith("+json"):
        return Form.JSON
    return Form.UNKNOWN  # a text as `text/html` too: PHP declares everything so
