"""What the console's pages have in common: its parts, who sent a request, and what its address asks for."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from attrs import define, field
from quart import Response, request

from mix2api.clock import Clock
from mix2api.console.asking import Asked, BadQuery, asked_of
from mix2api.console.catalogue import language_of
from mix2api.console.following import Following
from mix2api.console.freshness import SharedReading
from mix2api.console.live import Live, Parts, Watched
from mix2api.console.options import ConsoleOptions
from mix2api.console.ports import ConsolePorts
from mix2api.console.rendering import Reader, Renderer, State
from mix2api.console.sign_in import COOKIE, Door, SignedIn
from mix2api.projections.run_index import RunIndex
from mix2api.store.census import Counted
from mix2api.store.store import Store

LANGUAGE: Final = "mix2api_language"
"""The cookie of the chosen language."""
_CENSUS_S: Final = 2.0
"""For which one reading of the heartbeats serves all pages."""


class Turned(Exception):
    """A request that is answered with the page of an error."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values


@define(eq=False, kw_only=True)
class Console:
    """The parts of one console.

    Args:
        options: of it.
        store: which it reads.
        clock: the process's.
        logger: of the process.
        ports: what it may change.
    """

    options: ConsoleOptions
    store: Store
    clock: Clock
    logger: structlog.typing.FilteringBoundLogger
    ports: ConsolePorts = field(factory=ConsolePorts)
    following: Following = field(init=False)
    door: Door = field(init=False)
    renderer: Renderer = field(factory=Renderer, init=False)
    census: SharedReading[Counted] = field(init=False)
    live: Live = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.following = Following(
            audit=self.store.audit,
            clock=self.clock,
            index=RunIndex(self.options.runs),
            retention_s=self.options.retention_s,
        )
        self.door = Door(self.options.tokens, self.store.seal, self.clock, self.options.session_s)
        self.live = Live(self.following)
        self.census = SharedReading(self.store.census.take, _CENSUS_S)

    @property
    def state(self) -> State:
        """How true the figures are."""
        return State(as_of_ms=self.following.as_of_ms, away_since_ms=self.following.away_since_ms)

    def reader(self) -> Reader:
        """Who sent the request under way."""
        return Reader(
            language=language_of(request.cookies.get(LANGUAGE), request.headers.get("accept-language", "")),
            signed_in=self.door.admin_of_cookie(request.cookies.get(COOKIE)),
            path=request.full_path.removesuffix("?"),
        )

    def page(self, name: str, *, status: int = 200, stateless: bool = False, **values: Any) -> Response:
        """A page for whoever sent the request under way."""
        reader = self.reader()
        told = self.renderer.page(name, reader, None if stateless else self.state, values)
        answer = Response(told, status, content_type="text/html; charset=utf-8")
        renewed = None if reader.signed_in is None else self.door.renewed(reader.signed_in)
        if renewed is not None:
            set_cookie(answer, renewed, self.door.session_s)
        return answer

    def stream(
        self, signed_in: SignedIn, watched: Watched, render: Callable[[], Awaitable[Parts]], reach_ms: int = 0
    ) -> Response:
        """The parts of a page that have changed, as they change (server-sent events), until the sign-in ends.

        Args:
            signed_in: the watcher.
            watched: what it looks at.
            render: makes the parts.
            reach_ms: of the page's time; 0 renders at every look.

        Raises:
            Turned: there are too many watchers of that role.
        """
        if self.live.is_full(signed_in.role):
            raise Turned(503, "error.watchers")
        cookie = signed_in.cookie
        events = self.live.events(
            watched, render, lambda: self.door.admin_of_cookie(cookie) is not None, reach_ms
        )
        answer = Response(events, content_type="text/event-stream")
        answer.timeout = None  # Quart cuts every other answer after a minute
        return answer

    def tell_change(self, action: str, what: str, outcome: str) -> None:
        """Writes the line that says which admin changed what."""
        signed_in = self.reader().signed_in
        admin = "nobody" if signed_in is None else signed_in.admin
        self.logger.info("console.changed", admin=admin, action=action, what=what, outcome=outcome)

    def asked(self, standing: str) -> Asked:
        """What the address of the request under way asks for.

        Raises:
            Turned: a value in it is not allowed.
        """
        try:
            return self.asked_by(request.args.to_dict(), standing)
        except BadQuery as fault:
            raise Turned(400, "error.bad_query", field=str(fault)) from None

    def asked_by(self, arguments: Mapping[str, str], standing: str) -> Asked:
        """What parameters ask for, at this moment: a range reaches until now.

        Raises:
            BadQuery: a value in them is not allowed.
        """
        return asked_of(arguments, self.following.as_of_ms or self.clock.now_ms(), standing)


def set_cookie(answer: Response, signed_in: SignedIn, session_s: int) -> None:
    """Gives the browser the cookie of a sign-in: no script reads it, and no other site's page sends it."""
    answer.set_cookie(
        COOKIE,
        signed_in.cookie,
        max_age=session_s,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=request.headers.get("x-forwarded-proto") == "https",
    )
