"""`GET /metrics` on the edge, for those who bring the bearer for it."""

import hmac
from collections.abc import Awaitable, Callable

from mix2api.edge.auth import authorization_of
from mix2api.edge.request import EdgeRequest
from mix2api.errors import AuthenticationFailed, NotFound

MetricsText = Callable[[], Awaitable[bytes]]
"""Makes what Prometheus is shown."""


class MetricsEndpoint:
    """The endpoint.

    Args:
        token: the bearer. Empty: there is no such route.
        text: makes the answer.
    """

    def __init__(self, token: str, text: MetricsText) -> None:
        self._token = token.encode()
        self._text = text

    async def answer(self, request: EdgeRequest) -> bytes:
        """The text.

        Raises:
            NotFound: no token is configured.
            AuthenticationFailed: another bearer, or none.
        """
        if not self._token:
            raise NotFound("There is no such route: chat requests go to POST /v1/chat/completions.")
        given = authorization_of(request.given) or b""
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            raise AuthenticationFailed("The metrics need their own bearer.")
        return await self._text()


async def no_metrics() -> bytes:
    """Of an edge that nobody measures."""
    return b""
