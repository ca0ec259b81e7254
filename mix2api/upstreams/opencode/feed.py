"""The one stream of a server's events, and who watches which session on it.

`keep` reads the stream for as long as the process lives. It connects again after a loss, and tells every watch to look at
its session anew: what was said meanwhile is in the session's messages. A watch is armed before its prompt is put.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import trio
from attrs import define, field

from mix2api.upstreams.http import faults
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.exchange import Exchange
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.opencode.events import ASKING, RuntimeEvent, event_in
from mix2api.upstreams.port import UpstreamFault
from mix2api.wire.sse_frames import FrameTooLong, SseFrames

_OK: Final = 200
_FIRST_PAUSE_S: Final = 0.1
"""Before the stream is asked for again: a restarted server listens after about a second."""
_LONGEST_PAUSE_S: Final = 2.0
"""The pause doubles up to this. A run that waits for the stream waits at most so much longer."""
BACKLOG: Final = 20_000
"""Events that may wait for one run. The stream is shared, so a slow client cannot hold it back. A delta takes some 500
bytes here, so this is 10 MB."""


@define(eq=False)
class Watch:
    """What comes for one session. Read by one task."""

    _pending: list[RuntimeEvent] = field(factory=list)
    _news: trio.Event = field(factory=trio.Event)
    lost: bool = False
    """The stream was away since the last look: events may be missing."""
    overflowed: bool = False
    """More than `BACKLOG` events waited; the rest is gone."""

    def put(self, event: RuntimeEvent) -> None:
        """Adds one."""
        if len(self._pending) >= BACKLOG:
            self.overflowed = True
        else:
            self._pending.append(event)
        self._news.set()

    def tell_lost(self) -> None:
        """The stream was away."""
        self.lost = True
        self._news.set()

    async def wait(self) -> None:
        """Waits until there is something."""
        await self._news.wait()

    def take(self) -> list[RuntimeEvent]:
        """All that is pending, in order."""
        pending, self._pending = self._pending, []
        if not self.lost:  # else it was lost once more, and whoever takes has not seen that
            self._news = trio.Event()
        return pending


@define(eq=False)
class EventFeed:
    """A server's events.

    Args:
        request: asks for the stream.
        connect: makes the client of one connection; it is closed with the connection.
        tell_away: told once each time the stream is lost.
    """

    _request: HttpRequest
    _connect: Callable[[], HttpClient]
    _tell_away: Callable[[UpstreamFault], None]
    _watches: dict[str, Watch] = field(factory=dict, init=False)
    _roots: dict[str, str] = field(factory=dict, init=False)
    """Session that another one made -> the watched session that it works for."""
    _connected: trio.Event = field(factory=trio.Event, init=False)

    async def keep(self) -> None:
        """Reads the stream, and connects again whenever it ends."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._listen()
            except UpstreamFault as fault:
                lost = fault.again()
            if self._connected.is_set():
                pause_s = _FIRST_PAUSE_S
                self._connected = trio.Event()
                self._tell_away(lost)
            await trio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    async def wait_connected(self, limit_s: float) -> None:
        """Waits for the stream.

        Raises:
            UpstreamFault: `connect_failed`: it is away for so long.
        """
        with trio.move_on_after(limit_s):
            await self._connected.wait()
            return
        raise faults.connect_failed()

    @contextmanager
    def watch(self, session: str) -> Iterator[Watch]:
        """Watches one session for as long as the block lasts."""
        watch = self._watches[session] = Watch()
        try:
            yield watch
        finally:
            del self._watches[session]
            self._roots = {child: root for child, root in self._roots.items() if root != session}

    @property
    def watched(self) -> int:
        """Sessions that are watched now."""
        return len(self._watches)

    async def _listen(self) -> None:
        """One connection, to its end.

        Raises:
            UpstreamFault: always, sooner or later.
        """
        with closing(self._connect()) as client:
            async with client.send(self._request) as exchange:
                head = await exchange.head()
                if head.status != _OK:
                    raise faults.protocol("the runtime does not give its events", head.status)
                for watch in self._watches.values():
                    watch.tell_lost()
                self._connected.set()
                await self._read(exchange)
        raise faults.truncated(_OK)

    async def _read(self, exchange: Exchange) -> None:
        frames = SseFrames()
        while piece := await exchange.receive():
            try:
                payloads = frames.feed(piece)
            except FrameTooLong:
                raise faults.too_large("the runtime sent an event that is too long", _OK) from None
            exchange.heard = True
            for payload in payloads:
                if (event := event_in(payload)) is not None:
                    self._route(event)

    def _route(self, event: RuntimeEvent) -> None:
        """Gives an event to whoever watches its session. What a session asks that another made, that one's run answers."""
        session, info = event.said.of_session, event.said.info
        if event.type == "session.created":
            root = self._roots.get(info.parent, info.parent) if info is not None else ""
            if root in self._watches:
                self._roots[session] = root
            return
        watch = self._watches.get(session)
        if watch is None and event.type in ASKING:
            watch = self._watches.get(self._roots.get(session, ""))
        if watch is not None:
            watch.put(event)

    def works_for(self, session: str, root: str) -> bool:
        """Whether a session is this watched one, or was made by it."""
        return session == root or self._roots.get(session) == root
