"""The client of the packs: sends what a case asks, over the project's own HTTP client, and gives what was seen."""

from collections.abc import Mapping
from math import inf
from typing import Final

import msgspec
import trio
from attrs import field, frozen

from mix2api.packs.evidence import Ask, Ending, Key, Place, Seen
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.exchange import Exchange
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.http.origin import Origin, split_url
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

_CONNECT_S: Final = 5.0
_WRONG_KEY: Final = "a-key-that-nobody-has"
_NO_CONNECTION: Final = frozenset({Detail.CONNECT, Detail.CONNECT_FAILED})
_NO_HTTP: Final = frozenset({Detail.PROTOCOL, Detail.TOO_LARGE, Detail.TOO_MANY})


@frozen(kw_only=True)
class Target:
    """What is asked."""

    base_url: str
    """Of the endpoint, with or without `/v1` at its end."""
    api_key: str = field(repr=False)
    """Empty: none is sent."""
    site_url: str | None = None
    """Of the demo site behind it, if it can be asked."""
    timeout_s: float
    """A whole answer may take so long."""

    def origin_of(self, place: Place) -> tuple[Origin, str]:
        """Where a request goes, and what stands before its path.

        Raises:
            ValueError: the URL is none.
        """
        url = self.site_url if place is Place.SITE else self.base_url
        origin, path = split_url(url or "")
        return origin, path.removesuffix("/v1")


class Asking:
    """Sends requests to one target, one after another. Close it afterwards."""

    def __init__(self, target: Target) -> None:
        self._target = target
        limit = target.timeout_s
        self._client = HttpClient(
            HttpOptions(
                timeouts=Timeouts(connect=_CONNECT_S, first_byte=limit, idle=limit, silent=limit, total=limit)
            )
        )

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    async def see(self, ask: Ask) -> Seen:
        """Sends one request and reads its answer, or as much of it as is asked for."""
        arrived = _Arrived(ask)
        try:
            async with self._client.send(self._request(ask)) as exchange:
                await arrived.read(exchange)
        except UpstreamFault as fault:
            return arrived.seen(_ending_of(fault))
        return arrived.seen(Ending.WHOLE if ask.leave_after is None or not arrived.left else Ending.LEFT)

    def _request(self, ask: Ask) -> HttpRequest:
        origin, before = self._target.origin_of(ask.place)
        body = (
            ask.body
            if isinstance(ask.body, bytes)
            else b""
            if ask.body is None
            else msgspec.json.encode(ask.body)
        )
        headers = {"content-type": "application/json", "x-request-id": ask.request_id, **ask.headers}
        key = {Key.GIVEN: self._target.api_key, Key.WRONG: _WRONG_KEY, Key.NONE: ""}[ask.key]
        if ask.place is Place.ENDPOINT and key:
            headers["authorization"] = f"Bearer {key}"
        return HttpRequest(
            origin=origin,
            path=before + ask.path,
            headers=tuple(headers.items()),
            body=body,
            method=ask.method,
        )


class _Arrived:
    """What has come of one answer."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._began = trio.current_time()
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._pieces: list[bytes] = []
        self._times: list[int] = []
        self.left = False

    async def read(self, exchange: Exchange) -> None:
        """Reads to the end, or until it is time to leave."""
        head = await exchange.head()
        self._status, self._headers = head.status, head.headers
        limit = self._ask.leave_after if self._ask.leave_after is not None else inf
        while piece := await exchange.receive():
            exchange.heard = True
            self._pieces.append(piece)
            self._times.append(self._elapsed_ms())
            if len(self._pieces) >= limit:
                self.left = True
                return

    def _elapsed_ms(self) -> int:
        return round((trio.current_time() - self._began) * 1000)

    def seen(self, ending: Ending) -> Seen:
        """All of it."""
        return Seen(
            ask=self._ask,
            ending=ending,
            status=self._status,
            headers=self._headers,
            body=b"".join(self._pieces),
            pieces_ms=tuple(self._times),
            total_ms=self._elapsed_ms(),
        )


def _ending_of(fault: UpstreamFault) -> Ending:
    if fault.detail in _NO_CONNECTION:
        return Ending.NO_CONNECTION
    if fault.end_reason is EndReason.TIMEOUT:
        return Ending.TIMEOUT
    return Ending.NO_HTTP if fault.detail in _NO_HTTP else Ending.CUT
