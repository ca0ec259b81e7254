"""new-api's admin API, as far as a release needs it: the weight and the status of one channel.

Read from its sources (QuantumNous/new-api, `controller/channel.go`, `middleware/auth.go`): every answer is JSON with `success`,
and a refusal may come with HTTP 200. `PUT /api/channel/` leaves fields alone that it is not sent. A channel's status is set by
`POST /api/channel/ID/status`; older versions lack that and take `status` in the `PUT`, which newer ones refuse.
"""

from typing import Final

import msgspec
import trio
from attrs import field, frozen
from msgspec import Struct

from mix2api.redaction import redact_text
from mix2api.release.gateway import Weights
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.http.origin import split_url
from mix2api.upstreams.port import UpstreamFault

PATIENCE_S: Final = 8.0
"""For all calls of one attempt. A guard that waits so long still beats before its seat falls free (20 s)."""
_CALL_S: Final = 3.0
_ANSWER_BYTES: Final = 1 << 20
"""A channel has its models, its mappings and its overrides in it: some kilobytes."""
_STATUS: Final = {True: 1, False: 2, None: None}
"""Of a channel that is to be enabled, disabled, or left as it is. 3 is one that new-api disabled by itself."""
_NOT_FOUND: Final = 404
_OK: Final = 200
_SAID_CHARS: Final = 160


class GatewayFault(Exception):
    """new-api does not have the weights. Its text is for a person, and has no credential in it."""


@frozen(kw_only=True)
class NewApiOptions:
    """Where new-api is, and which channels are meant."""

    url: str
    token: str = field(repr=False)
    user: int
    stable: int
    """Ids of the channels."""
    canary: int


class _Channel(Struct, frozen=True):
    """A channel, as far as it is read."""

    weight: int | None = None
    status: int | None = None


class _Answer(Struct, frozen=True):
    success: bool = False
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


@frozen
class LackingNewApi:
    """Stands for a new-api whose settings are not whole. Every attempt fails by name: a rollback must not stop for that.

    Args:
        names: of the settings that are not set.
    """

    _names: tuple[str, ...]

    async def set_weights(self, weights: Weights) -> None:
        """Does not.

        Raises:
            GatewayFault: always.
        """
        raise GatewayFault(f"{', '.join(self._names)}: not set, so weight {weights.canary} cannot be told")


@frozen
class NewApi:
    """Sets weights.

    Args:
        options: where, and of which channels.
        client: made by `new_api_client`; closed by whoever made it.
    """

    _options: NewApiOptions
    _client: HttpClient

    async def set_weights(self, weights: Weights) -> None:
        """Gives both channels their weights, the canary's first. What new-api has already is not written again.

        A canary of weight 0 is disabled: versions of new-api without a memory cache add a constant to every weight. Whether
        stable is enabled is left to its operator.

        Raises:
            GatewayFault: it does not have them. Some of it may be done; once more does no harm.
        """
        with trio.move_on_after(PATIENCE_S) as scope:
            await self._set("canary", self._options.canary, weights.canary, is_enabled=weights.canary > 0)
            await self._set("stable", self._options.stable, weights.stable, is_enabled=None)
        if scope.cancelled_caught:
            raise GatewayFault(f"it took longer than {PATIENCE_S:g} s")

    async def _set(self, name: str, channel: int, weight: int, *, is_enabled: bool | None) -> None:
        try:
            await self._bring(channel, weight, _STATUS[is_enabled])
        except GatewayFault as fault:
            raise GatewayFault(f"{name} channel {channel}: {fault}") from None

    async def _bring(self, channel: int, weight: int, status: int | None) -> None:
        now = await self._channel(channel)
        wanted = _Channel(weight, now.status if status is None else status)
        if now == wanted:
            return
        if now.weight != weight:
            await self._call("PUT", "/api/channel/", {"id": channel, "weight": weight})
        if status is not None and now.status != status:
            try:
                await self._call("POST", f"/api/channel/{channel}/status", {"status": status})
            except _NoSuchPath:
                await self._call("PUT", "/api/channel/", {"id": channel, "status": status})
        left = await self._channel(channel)
        if left != wanted:
            raise GatewayFault(
                f"weight {left.weight} and status {left.status} stand there, "
                f"and not {wanted.weight} and {wanted.status}"
            )

    async def _channel(self, channel: int) -> _Channel:
        try:
            return msgspec.json.decode(await self._call("GET", f"/api/channel/{channel}"), type=_Channel)
        except msgspec.MsgspecError:
            raise GatewayFault("the answer has no channel in it") from None

    async def _call(self, method: str, path: str, body: dict[str, int] | None = None) -> msgspec.Raw:
        """The answer's `data`.

        Raises:
            GatewayFault: there is none, or it says no.
        """
        try:
            status, received = await self._exchange(method, path, body)
        except UpstreamFault as fault:
            raise GatewayFault(f"no answer ({fault})") from None
        if status == _NOT_FOUND:
            raise _NoSuchPath(f"{method} {path} gave HTTP 404")
        try:
            answer = msgspec.json.decode(received, type=_Answer)
        except msgspec.MsgspecError:
            raise GatewayFault(f"HTTP {status}, and no answer of new-api's") from None
        if status != _OK or not answer.success:
            said = redact_text(answer.message, _SAID_CHARS, known=(self._options.token,))
            raise GatewayFault(f"HTTP {status}: {said if said.isprintable() and said else 'refused'}")
        return answer.data

    async def _exchange(self, method: str, path: str, body: dict[str, int] | None) -> tuple[int, bytes]:
        options = self._options
        origin, before = split_url(options.url)
        request = HttpRequest(
            origin=origin,
            path=before + path,
            headers=(
                ("accept", "application/json"),
                ("content-type", "application/json"),
                ("authorization", options.token),
                ("new-api-user", str(options.user)),
            ),
            body=b"" if body is None else msgspec.json.encode(body),
            method=method,
        )
        async with self._client.send(request) as exchange:
            head, received = await exchange.head(), b""
            while len(received) < _ANSWER_BYTES and (piece := await exchange.receive()):
                received += piece
            return head.status, received


class _NoSuchPath(GatewayFault):
    """This version of new-api lacks the path, or the channel."""


def new_api_client() -> HttpClient:
    """A client with the limits of admin calls, and without retries: whoever tells new-api tries again."""
    return HttpClient(
        HttpOptions(
            timeouts=Timeouts(
                connect=_CALL_S, first_byte=_CALL_S, idle=_CALL_S, silent=_CALL_S, total=2 * _CALL_S
            )
        )
    )
