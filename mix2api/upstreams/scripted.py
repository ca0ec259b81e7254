"""The fake upstream that ships in the package: plays scripts, keeps what it was asked, never waits for time.

    upstream = ScriptedUpstream([[[Opened(200), Started("s", "x")], [Text("hi")], [Finished("stop")]]])

One script per call, in order. A script is a list of steps: a batch (a list of events), `Wait`, `Raise`, `Refuse`, `Hang`.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import assert_never

import trio
from attrs import frozen

from mix2api.upstreams.port import UpstreamCall, UpstreamEvent, UpstreamFault


@frozen
class Wait:
    """The stream pauses until the test sets the event."""

    event: trio.Event


@frozen
class Raise:
    """The stream fails: cut, silent too long, refused by status."""

    fault: UpstreamFault


@frozen
class Refuse:
    """The call fails on entering, as without a connection. Only as a script's first step."""

    fault: UpstreamFault


@frozen
class Hang:
    """The stream says nothing more; only closing or cancelling ends it."""


Step = Sequence[UpstreamEvent] | Wait | Raise | Refuse | Hang
Script = Sequence[Step]


class ScriptedStream:
    """One played answer."""

    def __init__(self, script: Script) -> None:
        self._steps = iter(script)
        self._closing = trio.Event()
        self.paused_s = 0.0
        """Seconds in which the caller was elsewhere, as far as it has come back."""
        self._paused_at: float | None = None
        self.played = 0
        """Batches given so far."""
        self.finished = False
        """Every step was played and the iteration has ended."""
        self.closed_early = False
        """It was left or closed before that."""
        self.left = trio.Event()
        """Set once the caller has left the context."""

    def __aiter__(self) -> "ScriptedStream":
        """Itself: an answer is read once."""
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        """Plays up to the next batch.

        Raises:
            UpstreamFault: the script says so.
            trio.ClosedResourceError: it was closed.
        """
        if self._paused_at is not None:
            self.paused_s += trio.current_time() - self._paused_at
            self._paused_at = None
        await trio.lowlevel.checkpoint()
        for step in self._steps:
            self._check_open()
            match step:
                case Wait(event):
                    await self._wait(event)
                case Raise(fault) | Refuse(fault):
                    self.finished = True
                    raise fault
                case Hang():
                    await self._wait(trio.Event())
                case Sequence():
                    self.played += 1
                    return list(step)
                case _:
                    assert_never(step)
        self._check_open()
        self.finished = True
        raise StopAsyncIteration

    def pause(self) -> None:
        """Counts the time until the next batch is asked for: a script has no limits."""
        self._paused_at = trio.current_time()

    async def aclose(self) -> None:
        """Ends every wait in the script with `trio.ClosedResourceError`."""
        self._leave()
        await trio.lowlevel.checkpoint()

    def _leave(self) -> None:
        self.closed_early = not self.finished
        self._closing.set()

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise trio.ClosedResourceError("the answer was closed")

    async def _wait(self, event: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            for awaited in (event, self._closing):
                nursery.start_soon(_wait_and_cancel, awaited, nursery.cancel_scope)
        self._check_open()


async def _wait_and_cancel(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


class ScriptedUpstream:
    """The port `mix2api.upstreams.port.Upstream`, played.

    Args:
        scripts: for the first call, the second, and so on.
    """

    def __init__(self, scripts: Iterable[Script]) -> None:
        self._scripts = iter(scripts)
        self.calls: list[UpstreamCall] = []
        """What was asked, refused calls included."""
        self.streams: list[ScriptedStream] = []
        """The answers, by call; refused calls have none."""
        self._called = trio.Event()

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[ScriptedStream]:
        """Plays the next script.

        Raises:
            UpstreamFault: the script begins with `Refuse`.
            LookupError: more calls than scripts.
        """
        self.calls.append(call)
        self._called.set()
        self._called = trio.Event()
        script = next(self._scripts, None)
        if script is None:
            raise LookupError(f"call {len(self.calls)} has no script")
        await trio.lowlevel.checkpoint()
        if script and isinstance(script[0], Refuse):
            raise script[0].fault
        stream = ScriptedStream(script)
        self.streams.append(stream)
        try:
            yield stream
        finally:
            stream._leave()  # noqa: SLF001 - the stream's own context
            stream.left.set()

    async def wait_calls(self, count: int) -> None:
        """Waits until that many calls were made. The caller brings the deadline."""
        while len(self.calls) < count:
            await self._called.wait()
