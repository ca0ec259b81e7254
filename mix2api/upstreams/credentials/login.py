"""Fetches a token from its endpoint: one request, one deadline, no retries, and no word of the answer in any error."""

from enum import StrEnum
from typing import Final, Protocol

from attrs import field, frozen

from mix2api.clock import Clock
from mix2api.upstreams.credentials.grant import Grant, GrantFields, MalformedGrant, read_grant
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import split_url
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

_ANSWER_LIMIT: Final = 262_144
"""Bytes: some times the longest token with all that endpoints put beside it."""
_SUCCESSES: Final = range(200, 300)
_NO_ANSWERS: Final = frozenset({Detail.PROTOCOL, Detail.TOO_LARGE, Detail.TOO_MANY})
"""Something came, and it is over a bound or not HTTP."""


class LoginWord(StrEnum):
    """Why there is no token. Closed: it is logged, told to clients and kept in the vault."""

    STATUS = "status"
    """The endpoint refused."""
    UNREACHABLE = "unreachable"
    """No connection, or a broken one."""
    TIMEOUT = "timeout"
    ANSWER = "answer"
    """What it said has no token in it."""
    STORE = "store"
    """The processes could not agree on who fetches one."""


class LoginFailed(Exception):
    """No token could be had; nobody tries again for `pause_ms`."""

    def __init__(self, why: LoginWord, *, status: int | None = None, pause_ms: int = 0) -> None:
        super().__init__(why.value)
        self.why = why
        self.status = status
        self.pause_ms = pause_ms


class Login(Protocol):
    """How a token is fetched."""

    async def fetch(self) -> Grant:
        """A new token.

        Raises:
            LoginFailed: there is none.
        """
        ...


@frozen(kw_only=True)
class LoginOptions:
    """What the token endpoint is asked."""

    url: str
    """http(s), perhaps with a query."""
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """By lower-case name."""
    body: bytes = field(default=b"", repr=False)
    """JSON, or nothing."""
    fields: GrantFields = field(factory=GrantFields)


class HttpLogin:
    """`Login` over HTTP.

    Args:
        options: of the endpoint.
        client: with the login's own limits and without retries; closed by whoever made it.
        clock: for the moment of the answer.

    Raises:
        ValueError: the URL is none.
    """

    def __init__(self, options: LoginOptions, client: HttpClient, clock: Clock) -> None:
        self._fields = options.fields
        self._client = client
        self._clock = clock
        bare, mark, query = options.url.partition("?")
        origin, path = split_url(bare)
        self._request = HttpRequest(
            origin=origin,
            path=(path or "/") + mark + query,
            headers=_headers(options),
            body=options.body,
            method=options.method,
        )

    async def fetch(self) -> Grant:
        """A new token.

        Raises:
            LoginFailed: there is none.
        """
        try:
            async with self._client.send(self._request) as exchange:
                head = await exchange.head()
                if head.status not in _SUCCESSES:
                    raise LoginFailed(LoginWord.STATUS, status=head.status)
                body = b""
                while len(body) < _ANSWER_LIMIT and (piece := await exchange.receive()):
                    body += piece
                return read_grant(body, self._fields, self._clock.now_ms())
        except UpstreamFault as fault:
            raise LoginFailed(_word(fault)) from None
        except MalformedGrant:
            raise LoginFailed(LoginWord.ANSWER) from None


def _word(fault: UpstreamFault) -> LoginWord:
    """What a fault of the connection is to a login."""
    if fault.end_reason is EndReason.TIMEOUT:
        return LoginWord.TIMEOUT
    return LoginWord.ANSWER if fault.detail in _NO_ANSWERS else LoginWord.UNREACHABLE


def _headers(options: LoginOptions) -> tuple[tuple[str, str], ...]:
    """The configured header fields over ours."""
    given = dict(options.headers)
    ours = {"accept": "application/json"}
    if options.body:
        ours["content-type"] = "application/json"
    return tuple((ours | given).items())
