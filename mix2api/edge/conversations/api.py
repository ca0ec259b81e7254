"""Answers the requests below `/api`: reads them, finds their route, and gives the envelope."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from attrs import frozen

from mix2api.conversations.events import UnreadableConversation
from mix2api.edge.answers import JSON
from mix2api.edge.auth import Authenticator
from mix2api.edge.conversations.envelope import success
from mix2api.edge.conversations.routing import Answer, Asked, Route, Routes, repeated
from mix2api.edge.request import EdgeRequest
from mix2api.edge.unpacking import unpack_steps
from mix2api.errors import AdapterError, ClientVisibleError, InvalidRequest, UnsupportedMediaType
from mix2api.stepping import in_turn
from mix2api.wire.object_fields import ObjectFields
from mix2api.wire.request_bounds import value_steps

BODY_MAX: Final = 4 * 1024 * 1024
"""Bytes of a body: a message of the longest kind in any script, and what goes with it. Decoding it takes 16 ms at most."""
_WITH_BODY: Final = frozenset({"POST", "PUT"})
_PREFIX: Final = "/api/"


def is_conversations(path: str) -> bool:
    """Whether a path is below `/api`."""
    return path.startswith(_PREFIX)


@frozen
class ConversationsApi:
    """The API.

    Args:
        routes: all of them.
        authenticator: tells who calls.
        body_limit: bytes of a body by the settings; `BODY_MAX` where they allow more.
        body_timeout_s: for the whole body to arrive.
    """

    routes: Routes
    _authenticator: Authenticator
    _body_limit: int
    _body_timeout_s: float

    async def answer(self, request: EdgeRequest) -> None:
        """Answers one request.

        Raises:
            ClientVisibleError: for the application to answer, with this API's envelope.
        """
        route = None
        try:
            caller = self._authenticator.caller(request.given).fingerprint
            route, path = self.routes.find(request.method, request.path)
            body = await self._body(request)
            request.line.listen()
            answer = await route.handler(
                Asked(
                    caller=caller,
                    request_id=request.request_id,
                    path=path,
                    query=_query(request.query),
                    body=ObjectFields(body),
                    headers=request.given,
                    line=request.line,
                )
            )
        except UnreadableConversation:
            raise AdapterError("The conversation cannot be read.", code="conversation_unreadable") from None
        except ClientVisibleError:
            request.route = None if route is None else route.template
            raise
        if isinstance(answer, Answer):
            headers = [("x-request-id", request.request_id), JSON]
            await request.line.answer(answer.status, headers, success(answer.data))

    async def _body(self, request: EdgeRequest) -> dict[str, Any]:
        """The object in a body; an empty one where there is none.

        Raises:
            ClientVisibleError: it is no JSON object, or too large.
        """
        given = request.given
        data = await request.body.read(self._body_timeout_s)
        if b"content-encoding" in given:
            data = await in_turn(unpack_steps(data, given[b"content-encoding"], self._body_limit))
        if request.method not in _WITH_BODY or not data.strip():
            return {}
        declared = given.get(b"content-type")
        if declared is not None and b"json" not in declared.lower():
            raise UnsupportedMediaType("The body must be JSON: send `content-type: application/json`.")
        if len(data) > BODY_MAX:
            raise InvalidRequest(
                f"The body is too large: at most {BODY_MAX} bytes are accepted.", code="body_too_large"
            )
        await in_turn(value_steps(data))
        try:
            said = msgspec.json.decode(data.decode())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidRequest("The body is not valid JSON.", code="invalid_json") from None
        if not isinstance(said, dict):
            raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
        return said


def routes_of(*groups: Iterable[Route]) -> Routes:
    """All routes of several groups."""
    return Routes(route for group in groups for route in group)


def _query(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in found:
            raise repeated(name)
        found[name] = value
    return found
