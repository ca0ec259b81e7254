"""Whole HTTP answers: JSON objects and the error envelope, each with its `x-request-id`."""

from collections.abc import Iterable
from typing import Any

import msgspec
from quart import Response
from quart.wrappers.response import ResponseBody
from werkzeug.datastructures import Headers

from mix2api.edge.connection import EdgeRequest
from mix2api.errors import ClientVisibleError
from mix2api.wire.error_answer import envelope

JSON = "application/json"


def json_answer(request: EdgeRequest, body: Any, status: int = 200) -> Response:
    """A JSON object or list."""
    return bytes_answer(request, msgspec.json.encode(body), status)


def bytes_answer(
    request: EdgeRequest, body: bytes | ResponseBody, status: int, more: Iterable[tuple[str, str]] = ()
) -> Response:
    """JSON that is already encoded, with further headers. A `ResponseBody` brings its own `content-length`."""
    headers = Headers([("x-request-id", request.request_id), *more])
    return Response(body, status, headers, content_type=JSON)


def error_answer(
    request: EdgeRequest, error: ClientVisibleError, more: Iterable[tuple[str, str]] = ()
) -> Response:
    """The envelope, with `Retry-After` and `WWW-Authenticate` where they belong."""
    headers = list(more)
    if error.retry_after_s is not None:
        headers.append(("retry-after", str(error.retry_after_s)))
    if error.status == 401:  # noqa: PLR2004  # RFC 9110, 15.5.2: a 401 names the scheme
        headers.append(("www-authenticate", "Bearer"))
    return bytes_answer(request, envelope(error.body()), error.status, headers)
