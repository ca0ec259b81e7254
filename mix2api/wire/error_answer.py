"""The error envelope as bytes: as a whole HTTP body, and as the three-part ending of a stream that fails.

Why three parts: `docs/adr/0006-failing-streams.md`.
"""

from typing import Any, Final

import msgspec

from mix2api.errors import ErrorBody
from mix2api.vocabulary import EndReason, RequestId

DONE: Final = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def envelope(error: ErrorBody) -> bytes:
    """`{"error": {"message", "type", "code", "param"}}`, the body of every HTTP error."""
    return _encode({"error": _fields(error)})


def stream_error(error: ErrorBody, end_reason: EndReason, request_id: RequestId) -> bytes:
    """The JSON object that stands under `error` in a failing stream: the envelope's fields and two of ours."""
    return _encode({**_fields(error), "end_reason": end_reason.value, "request_id": request_id})


def error_frame(error: bytes) -> bytes:
    """The frame on which SDKs raise. `error` is `stream_error`'s."""
    return b'data: {"error":' + error + b"}\n\n"


def _fields(error: ErrorBody) -> dict[str, Any]:
    return {"message": error.message, "type": error.type, "code": error.code, "param": error.param}
