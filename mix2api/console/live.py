"""Live pages: the parts of a page that have changed, as server-sent events. A page is complete without them.

Watchers of one page with one address, language and role share one rendering. The first part of a stream is the whole page's, so
that nothing is lost between the page and its stream.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
import trio
from attrs import define, field, frozen

from mix2api.console.following import Following
from mix2api.console.tokens import Role

WATCHERS: Final = 200
"""Live pages at once. Past it a page says nothing new until it is loaded again."""
USERS: Final = 150
"""Of them those of users: in an incident admins find a place, however many conversations are open."""
_STILL_S: Final = 15.0
"""Silence after which a comment is sent, so that a proxy does not end the stream."""
_PACE: Final = 4000
"""A page is rendered anew this often, at most, while its time passes once: a bar of a plot is 60 times as wide."""

Parts = dict[str, str]
"""Element id -> its content as HTML."""


@frozen
class Watched:
    """What a watcher looks at; equal for those who share a rendering."""

    page: str
    query: tuple[tuple[str, str], ...]
    language: str
    role: str


@define(eq=False)
class _Rendering:
    """What the watchers of one page share. It goes with the last of them."""

    watchers: int = 0
    lock: trio.Lock = field(factory=trio.Lock)
    """Of its own: a page whose reading waits for the store holds up no other page."""
    parts: Parts | None = None
    """None: it was not rendered yet."""
    rendered_at: float = 0.0
    looks: int = 0
    """`Following.looks` of its figures."""


@define(eq=False)
class Live:
    """The streams of all watchers. What they share, a template's live blocks, holds nothing of one reader (a CSRF token).

    Args:
        following: tells when figures have changed.
    """

    _following: Following
    watchers: int = field(default=0, init=False)
    _renderings: dict[Watched, _Rendering] = field(factory=dict, init=False)
    """Of the pages that are watched: no more of them than watchers."""

    def is_full(self, role: Role) -> bool:
        """Whether no watcher more of that role is taken."""
        users = sum(one.watchers for seen, one in self._renderings.items() if seen.role == Role.USER)
        return self.watchers >= WATCHERS or (role is Role.USER and users >= USERS)

    async def events(
        self,
        watched: Watched,
        render: Callable[[], Awaitable[Parts]],
        is_welcome: Callable[[], bool],
        reach_ms: int,
    ) -> AsyncIterator[bytes]:
        """The stream of one watcher: as long as it is welcome.

        Args:
            watched: what it looks at.
            render: makes the parts.
            is_welcome: whether its sign-in is still good.
            reach_ms: of the page's time; a page of a day need not move every two seconds.
        """
        sent: Parts = {}
        rendering = self._renderings.setdefault(watched, _Rendering())
        self.watchers += 1
        rendering.watchers += 1
        try:
            while is_welcome():
                parts = await self._parts(rendering, render, reach_ms / 1000 / _PACE)
                changed = {name: html for name, html in parts.items() if sent.get(name) != html}
                sent = parts
                yield _event(changed) if changed else b": still here\n\n"
                with trio.move_on_after(_STILL_S):
                    await self._following.wait_changed()
        finally:
            self.watchers -= 1
            rendering.watchers -= 1
            if not rendering.watchers:
                del self._renderings[watched]

    async def _parts(
        self, rendering: _Rendering, render: Callable[[], Awaitable[Parts]], good_for_s: float
    ) -> Parts:
        async with rendering.lock:
            now, looks = trio.current_time(), self._following.looks
            is_due = rendering.looks != looks and now - rendering.rendered_at >= good_for_s
            if rendering.parts is None or is_due:
                rendering.parts = await render()
                rendering.rendered_at, rendering.looks = now, looks
            return rendering.parts


def _event(parts: Parts) -> bytes:
    """JSON has no line breaks, so one `data:` line holds it."""
    return b"event: parts\ndata: " + msgspec.json.encode(parts) + b"\n\n"
