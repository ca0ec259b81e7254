"""The `opencode` upstream: one run has one session of the runtime, from its making to its removal.

A run has five steps. Its session is made. The session is watched. The prompt is put. The events are read until the session
is idle. Whatever happens, the session is released: aborted if it still works, waited for, and removed. Each wait is bounded,
because a session may stay busy for ever.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import trio
from attrs import define

from mix2api.sessions.runtime_sessions import OpenSession
from mix2api.upstreams.http import faults
from mix2api.upstreams.opencode.api import RuntimeApi
from mix2api.upstreams.opencode.context_server import ContextServer
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.events import RuntimeEvent, events_of_messages
from mix2api.upstreams.opencode.feed import EventFeed, Watch
from mix2api.upstreams.opencode.options import OpenCodeOptions
from mix2api.upstreams.opencode.prompt import prompt_of
from mix2api.upstreams.opencode.remembering import Listener, Memory
from mix2api.upstreams.opencode.supervised import SupervisedRuntime
from mix2api.upstreams.opencode.sweeping import Sweeper
from mix2api.upstreams.opencode.transcript import RunTranscript
from mix2api.upstreams.port import Opened, Started, UpstreamCall, UpstreamEvent, UpstreamFault
from mix2api.upstreams.surroundings import Remark
from mix2api.vocabulary import Detail

_STATUS: Final = 204
"""Of the prompt's answer."""
_IDLE_LOOK_S: Final = 0.05
"""Between two looks whether an aborted session is idle, should no event tell of it."""


@define(eq=False, kw_only=True)
class OpenCodeUpstream:
    """The port `mix2api.upstreams.port.Upstream` over one OpenCode server.

    Args:
        options: of the server.
        api: its calls.
        feed: its events.
        contexts: of the runs under way.
        sweeper: of what is left over.
        memory: of client sessions between their runs.
        context_server: where tools ask for their context; None: nowhere.
        supervised: the server, where this process starts it.
        tell: told of each step of a release that failed.
    """

    options: OpenCodeOptions
    api: RuntimeApi
    feed: EventFeed
    contexts: RunContexts
    sweeper: Sweeper
    memory: Memory
    context_server: ContextServer | None = None
    supervised: SupervisedRuntime | None = None
    tell: Callable[[Remark], None]

    def count_runs(self) -> int:
        """Runs of this process that have a session in the runtime, or are about to."""
        return self.contexts.count

    async def keep(self) -> None:
        """What has to run for as long as the process calls this upstream."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.feed.keep)
            nursery.start_soon(self.sweeper.keep)
            environ: dict[str, str] = {}
            if self.options.password is not None:
                environ["OPENCODE_SERVER_PASSWORD"] = self.options.password
            if self.context_server is not None:
                port: int = await nursery.start(self.context_server.serve)
                environ |= {
                    "OPENCODE_CONTEXT_TOKEN": self.context_server.token,
                    "OPENCODE_CONTEXT_PORT": str(port),
                }
            if self.supervised is not None:
                nursery.start_soon(self.supervised.keep, environ)

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator["RuntimeStream"]:
        """Makes the run's session and puts the prompt.

        Raises:
            UpstreamFault: the runtime cannot be reached, refuses, or its events are away; or the client session has a history
                that nobody has any more.
        """
        call = await self.memory.recalled(call)
        await self.feed.wait_connected(self.options.call_s)
        opened = await self.contexts.announce(call.run_id)
        try:
            session = await self.api.create(opened.title)
        except BaseException as fault:
            # Where the call may have been read, the runtime may have made it: then the sweeper looks for it.
            never = isinstance(fault, UpstreamFault) and not fault.taken
            with trio.CancelScope(shield=True):
                await self.contexts.close(opened, removed=never)
            raise
        with self.feed.watch(session) as watch:
            opened = self.contexts.begin(opened, session, call.bridged)
            stream = RuntimeStream(self, opened, session, watch, self.memory.listener(call))
            try:
                await self.contexts.record(opened)
                await self.api.prompt(session, prompt_of(call, self.options.profile(call.turn.model)))
                yield stream
            finally:
                await stream.release()


class RuntimeStream:
    """One run's answer: the port `mix2api.upstreams.port.UpstreamStream`."""

    def __init__(
        self, upstream: OpenCodeUpstream, opened: OpenSession, session: str, watch: Watch, listener: Listener
    ) -> None:
        self._opened = opened
        self._upstream = upstream
        self._session = session
        self._watch = watch
        self._listener = listener
        self._transcript = RunTranscript(shows_tools=upstream.options.shows_tools)
        self._answered: set[str] = set()
        """Permissions and questions: an event and a look may both tell of one."""
        self._is_opened = False
        self._is_over = False
        self._is_released = False
        self._until = trio.current_time() + upstream.options.total_s
        self._paused_at: float | None = None

    def __aiter__(self) -> "RuntimeStream":
        """Itself: there is one answer."""
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        """The next batch, never empty.

        Raises:
            UpstreamFault: see the port.
        """
        if self._paused_at is not None:
            self._until += trio.current_time() - self._paused_at
            self._paused_at = None
        if not self._is_opened:
            self._is_opened = True
            return [Opened(_STATUS), Started()]
        while not self._is_over:
            if self._transcript.done:
                self._is_over = True
                if self._transcript.fault is not None:
                    raise self._transcript.fault.again()
                break
            if events := await self._next():
                await self._listener.hear(events)
                return events
        raise StopAsyncIteration

    def pause(self) -> None:
        """Nobody reads until the next batch is asked for: that time is not the runtime's."""
        self._paused_at = trio.current_time()

    async def aclose(self) -> None:
        """Nothing more is read; leaving the context releases the session."""
        self._is_over = True
        await trio.lowlevel.checkpoint()

    async def _next(self) -> list[UpstreamEvent]:
        """What the next events say, perhaps nothing.

        Raises:
            UpstreamFault: the run takes too long, or more came than can be held.
        """
        now, transcript = trio.current_time(), self._transcript
        silent_at = now + self._upstream.options.silence_s
        with trio.move_on_at(min(silent_at, self._until)) as limit:
            await self._watch.wait()
        if limit.cancelled_caught and trio.current_time() >= self._until:
            raise faults.timed_out(Detail.TOTAL, sent=True, status=_STATUS)
        if self._watch.overflowed:
            raise faults.too_many("more of the runtime's events wait than a run may have", _STATUS)
        was_lost, self._watch.lost = self._watch.lost, False
        events: list[UpstreamEvent] = []
        if was_lost or limit.cancelled_caught:
            # Before what waits: an ending may stand there, and a text before it be missing.
            events += await self._look(is_silent=limit.cancelled_caught)
        events += transcript.add(self._watch.take())
        await self._answer()
        return events

    async def _answer(self) -> None:
        """Answers what the session asks its user: unanswered it would wait for ever.

        Raises:
            UpstreamFault: the answer does not arrive.
        """
        asked, self._transcript.asked = self._transcript.asked, []
        for what, id_ in asked:
            if id_ not in self._answered:
                self._answered.add(id_)
                await self._upstream.api.answer(what, id_, allows=self._upstream.options.allows)

    async def _look(self, *, is_silent: bool) -> list[UpstreamEvent]:
        """Asks the runtime how far the run is, where events are missing.

        Args:
            is_silent: there was no event for long: a session that rests has nothing more to say, and may never have begun.
        """
        api, feed, transcript = self._upstream.api, self._upstream.feed, self._transcript
        transcript.asked += [
            (what, id_) for what, id_, session in await api.asked() if feed.works_for(session, self._session)
        ]
        is_busy = await api.is_busy(self._session)
        events = transcript.look(await self._messages())
        is_over = not is_busy and (is_silent or transcript.has_begun)
        return events + transcript.idle() if is_over else events

    async def _messages(self) -> list[RuntimeEvent]:
        try:
            return events_of_messages(await self._upstream.api.messages(self._session), self._session)
        except msgspec.MsgspecError:
            raise faults.protocol("the runtime's messages cannot be read", _STATUS) from None

    # --- its end

    async def release(self) -> None:
        """Aborts the session if it still works, waits until it is idle, and removes it. Never raises; repeats do nothing."""
        if self._is_released:
            return
        self._is_over = self._is_released = True
        contexts = self._upstream.contexts
        contexts.forget(self._opened)
        with trio.CancelScope(shield=True):
            if not self._transcript.done:
                await self._step("abort", self._abort)
            removed = await self._step("delete", self._delete)
            await contexts.close(self._opened, removed=removed)

    async def _abort(self) -> None:
        await self._upstream.api.abort(self._session)
        while await self._upstream.api.is_busy(self._session):
            with trio.move_on_after(_IDLE_LOOK_S):
                await self._watch.wait()
            self._watch.lost = False  # else every further wait would be over at once
            self._watch.take()

    async def _delete(self) -> None:
        await self._upstream.api.delete(self._session)

    async def _step(self, name: str, act: Callable[[], Awaitable[None]]) -> bool:
        """One step of the release, within its limit; gives whether it went well. What fails is told."""
        why = "timeout"
        with trio.move_on_after(self._upstream.options.release_s):
            try:
                await act()
            except UpstreamFault as fault:
                why = f"{fault.end_reason}/{fault.detail}"
            else:
                return True
        self._upstream.tell(_unreleased(name, why))
        return False


def _unreleased(step: str, why: str) -> Remark:
    """A step of a release that failed. An abort that failed may leave the runtime at work, so it is a warning."""
    return Remark(
        event="runtime.release_failed", facts={"step": step, "why": why}, is_warning=step == "abort"
    )
