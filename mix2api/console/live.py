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
_STILL: Final = b": still here\n\n"
"""A comment: nothing has changed."""
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
    rendered_at: float | None = None
    """None: it was not rendered yet."""
    looks: int = 0
    """`Following.looks` of its figures."""
    version: int = 0
    """Counts the renderings that have changed something."""
    _parts: Parts = field(factory=dict)
    _changed_in: dict[str, int] = field(factory=dict)
    """Element id -> the version in which its content has changed last."""
    _events: dict[int, bytes] = field(factory=dict)
    """Version that a watcher has -> the event that brings it up to date. Most watchers have the same version."""

    def take(self, parts: Parts) -> None:
        """Takes a new rendering. A part that it lacks stays as it was."""
        changed = [name for name, html in parts.items() if self._parts.get(name) != html]
        if changed:
            self.version += 1
            self._parts |= parts
            self._changed_in |= dict.fromkeys(changed, self.version)
            self._events.clear()

    def event_after(self, version: int) -> bytes:
        """What a watcher that has this version is sent, encoded once for all who have it."""
        if version == self.version:
            return _STILL
        event = self._events.get(version)
        if event is None:
            changed = {name: html for name, html in self._parts.items() if self._changed_in[name] > version}
            event = self._events[version] = _event(changed)
        return event


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
        has = 0
        rendering = self._renderings.setdefault(watched, _Rendering())
        self.watchers += 1
        rendering.watchers += 1
        try:
            while is_welcome():
                await self._bring_up_to_date(rendering, render, reach_ms / 1000 / _PACE)
                event, has = rendering.event_after(has), rendering.version
                yield event
                with trio.move_on_after(_STILL_S):
                    await self._following.wait_changed()
        finally:
            self.watchers -= 1
            rendering.watchers -= 1
            if not rendering.watchers:
                del self._renderings[watched]

    async def _bring_up_to_date(
        self, rendering: _Rendering, render: Callable[[], Awaitable[Parts]], good_for_s: float
    ) -> None:
        async with rendering.lock:
            now, looks, last = trio.current_time(), self._following.looks, rendering.rendered_at
            if last is None or (rendering.looks != looks and now - last >= good_for_s):
                rendering.take(await render())
                rendering.rendered_at, rendering.looks = now, looks


def _event(parts: Parts) -> bytes:
    """JSON has no line breaks, so one `data:` line holds it."""
    return b"event: parts\ndata: " + msgspec.json.encode(parts) + b"\n\n"
