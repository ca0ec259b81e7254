"""The calls of an OpenCode server, as they were seen with opencode-ai 1.18.33 (`GET /doc` gives the OpenAPI document)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
import trio
from msgspec import Struct, field

from mix2api.clock import Clock
from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.head import AnswerHead, HttpRequest
from mix2api.upstreams.http.origin import split_url
from mix2api.upstreams.opencode.options import OpenCodeOptions
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.refusal import refusal_fault
from mix2api.vocabulary import Detail, EndReason

_SUCCESSES: Final = range(200, 300)
_JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))


class _Made(Struct):
    """A session, of which only the id matters here."""

    id: str
    title: str = ""


class _Asked(Struct):
    """A permission or a question that a session waits for."""

    id: str
    session: str = field(name="sessionID")


_asked: Final = msgspec.json.Decoder(list[_Asked]).decode
_made: Final = msgspec.json.Decoder(_Made).decode
_listed: Final = msgspec.json.Decoder(list[_Made]).decode
_statuses: Final = msgspec.json.Decoder(dict[str, Any]).decode


class RuntimeApi:
    """One server's.

    Every call raises `UpstreamFault` where the server refuses it, does not answer in `call_s`, or answers in another form.

    Args:
        options: of the server.
        client: its connections; closed by whoever made it.
        clock: for `retry-after` dates.

    Raises:
        ValueError: the URL is none.
    """

    def __init__(self, options: OpenCodeOptions, client: HttpClient, clock: Clock) -> None:
        self._options = options
        self._client = client
        self._clock = clock
        self._origin, self._path = split_url(options.url)
        self._query = "" if options.directory is None else "?" + urlencode({"directory": options.directory})

    def events_request(self) -> HttpRequest:
        """What the one stream of events is asked for with. `/event` tells of one directory, `/global/event` of all."""
        return HttpRequest(
            origin=self._origin,
            path=f"{self._path}/global/event",
            headers=(("accept", "text/event-stream"), *self._options.headers()),
            body=b"",
            method="GET",
        )

    async def create(self, title: str) -> str:
        """Makes a session; gives its id."""
        body = await self._call("POST", "/session", {"title": title})
        try:
            return _made(body).id
        except NOT_JSON:
            raise faults.protocol("the runtime's session cannot be read", None) from None

    async def prompt(self, session: str, prompt: Mapping[str, Any]) -> None:
        """Puts a prompt; its answer comes by events. The session must be watched before."""
        await self._call("POST", f"/session/{_id(session)}/prompt_async", prompt)

    async def abort(self, session: str) -> None:
        """Ends what the session does. It may be busy for a while after this. One that is gone already is no fault."""
        await self._unless_gone("POST", f"/session/{_id(session)}/abort", {})

    async def delete(self, session: str) -> None:
        """Removes a session with all that it holds. One that is gone already is no fault."""
        await self._unless_gone("DELETE", f"/session/{_id(session)}")

    async def is_busy(self, session: str) -> bool:
        """Whether the session does anything. Idle sessions are absent from the server's list."""
        try:
            return session in _statuses(await self._call("GET", "/session/status"))
        except NOT_JSON:
            raise faults.protocol("the runtime's list of busy sessions cannot be read", None) from None

    async def messages(self, session: str) -> bytes:
        """All messages of a session, as JSON."""
        return await self._call("GET", f"/session/{_id(session)}/message")

    async def answer(self, what: str, asked: str, *, allows: bool) -> None:
        """Answers a permission; a question is rejected, for nobody is there who knows.

        Args:
            what: `permission` or `question`.
            asked: its id.
            allows: the permission is given, this once.
        """
        if what == "permission":
            await self._call(
                "POST", f"/permission/{_id(asked)}/reply", {"reply": "once" if allows else "reject"}
            )
        else:
            await self._call("POST", f"/question/{_id(asked)}/reject", {})

    async def asked(self) -> list[tuple[str, str, str]]:
        """What sessions wait for: `permission` or `question`, its id, the session's id."""
        try:
            return [
                (what, each.id, each.session)
                for what in ("permission", "question")
                for each in _asked(await self._call("GET", f"/{what}"))
            ]
        except NOT_JSON:
            raise faults.protocol("the runtime's list of questions cannot be read", None) from None

    async def titles(self) -> dict[str, str]:
        """The title of every session, by its id."""
        try:
            return {each.id: each.title for each in _listed(await self._call("GET", "/session"))}
        except NOT_JSON:
            raise faults.protocol("the runtime's list of sessions cannot be read", None) from None

    async def _unless_gone(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        try:
            await self._call(method, path, body)
        except UpstreamFault as fault:
            if fault.status != HTTPStatus.NOT_FOUND:
                raise

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        request = HttpRequest(
            origin=self._origin,
            path=f"{self._path}{path}{self._query}",
            headers=(*_JSON, *self._options.headers()),
            body=b"" if body is None else msgspec.json.encode(body),
            method=method,
            once=method == "POST",
        )
        with trio.move_on_after(self._options.call_s):
            async with self._client.send(request) as exchange:
                head = await exchange.head()
                pieces: list[bytes] = []
                while piece := await exchange.receive():
                    pieces.append(piece)
                return _successful(head, b"".join(pieces), self._clock.now_ms())
        raise UpstreamFault(EndReason.TIMEOUT, Detail.FIRST_BYTE, "the runtime did not answer in time")


def _successful(head: AnswerHead, body: bytes, now_ms: int) -> bytes:
    """The body of a success.

    Raises:
        UpstreamFault: it is none.
    """
    if head.status not in _SUCCESSES:
        raise refusal_fault(head, body, now_ms)
    return body


def _id(session: str) -> str:
    return quote(session, safe="")
