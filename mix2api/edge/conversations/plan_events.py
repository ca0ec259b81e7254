"""`GET /api/plans/{planId}/events`: the steps of a plan as server-sent events, while they are made and afterwards.

Source: HTML Living Standard, "Server-sent events". An event's `id` is its number within the turn; a client that comes again
sends the last one in `Last-Event-ID`, and is told what came after it. A client that has none is told a baseline first.
"""

from typing import Final

import msgspec
import trio
from attrs import frozen

from mix2api.conversations.content import plan_field
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.plan_feed import PlanFeed, Told
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Asked, Route, Streamed
from mix2api.edge.request import Line
from mix2api.store.conversation_words import node_names, plan_words

_LOOK_S: Final = 0.25
"""Between two looks while the plan runs in another process, which does not tell of its steps."""
_KEEP_ALIVE_S: Final = 15.0
"""Of silence, before a comment goes out: gateways close connections that are silent for a minute."""
_HEADERS: Final = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)
_COMMENT: Final = b": keep-alive\n\n"
_END: Final = b": end\n\n"
_encode: Final = msgspec.json.Encoder().encode


@frozen
class PlanEventRoutes:
    """The handler."""

    _desk: Desk

    def routes(self) -> tuple[Route, ...]:
        """The routes."""
        return (Route("GET", "/api/plans/{planId}/events", self.follow),)

    async def follow(self, asked: Asked) -> Streamed:
        """Tells the steps of a plan until its turn has ended.

        Raises:
            NotFound: the caller has no such plan.
        """
        ref, looked = await self._desk.turn(asked, "plan", lambda turn: [plan_field(turn)])
        state, line = looked.turns[ref.number], asked.line
        assert line is not None  # noqa: S101 - requests over HTTP have one
        said = asked.headers.get(b"last-event-id", b"").strip()
        told = int(said) if said.isdigit() and len(said) <= len(str(state.version)) else 0
        feed = PlanFeed(ref, node_names(plan_words(looked, ref.number)), told)
        line.begin(200, [("x-request-id", asked.request_id), *_HEADERS])
        if not 0 < told <= state.version:
            first = feed.baseline(state, self._desk.clock.now_ms())
            await line.send(_frame(first), is_last=first.is_last)
            if first.is_last:
                return Streamed()
        elif told == state.version and state.has_ended:
            await line.send(_END, is_last=True)
            return Streamed()
        await self._tell(ref, feed, line)
        return Streamed()

    async def _tell(self, ref: TurnRef, feed: PlanFeed, line: Line) -> None:
        store, clock = self._desk.store, self._desk.clock
        position, spoke_at = await store.turn_start(ref.conversation, ref.number), trio.current_time()
        while position is not None:
            bell = store.bell(ref.conversation)
            events = await store.events(ref.conversation, position)
            told = [one for _, event in events if (one := feed.take(event, clock.now_ms())) is not None]
            if events:
                position = events[-1][0]
            if told:
                is_last = told[-1].is_last
                await line.send(b"".join(map(_frame, told)), is_last=is_last)
                if is_last:
                    return
                spoke_at = trio.current_time()
            elif not events:
                with trio.move_on_after(_LOOK_S):
                    await bell.wait()
                if trio.current_time() - spoke_at > _KEEP_ALIVE_S:
                    await line.send(_COMMENT, is_last=False)
                    spoke_at = trio.current_time()
                if not (await store.look(ref.conversation)).session.version:
                    position = None
        await line.send(_END, is_last=True)  # the session was deleted


def _frame(told: Told) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (told.number, told.name.encode(), _encode(told.data))
