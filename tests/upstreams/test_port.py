"""What every upstream promises: the fake that ships in the package, and `mix` over the demo site.

A situation is something that the other side does. Each kind of upstream brings it about in its own way; what the caller sees
is the same.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import Enum, auto

import pytest
import trio
import trio.testing
from attrs import frozen

from mix2api.demo.options import DemoOptions
from mix2api.demo.server import serve_demo
from mix2api.upstreams.http import faults
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.port import (
    CONTENT,
    Failed,
    Finished,
    Opened,
    Started,
    Text,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
    UpstreamStream,
)
from mix2api.upstreams.scripted import Hang, Raise, Refuse, Script, ScriptedUpstream
from mix2api.vocabulary import Detail, EndReason, RequestId, RunId
from mix2api.wire.turn import Message, Turn


class Situation(Enum):
    """What the other side does."""

    ANSWERS = auto()
    FAILS = auto()
    """It says in its answer that it failed."""
    BREAKS_OFF = auto()
    FALLS_SILENT = auto()
    REFUSES = auto()
    """It asks to come back in seven seconds."""
    UNREACHABLE = auto()
    FORGOT = auto()
    """It does not know the session that the call continues."""


@frozen
class Ready:
    """An upstream for which one situation is prepared."""

    upstream: Upstream
    call: UpstreamCall

    def open(self) -> AbstractAsyncContextManager[UpstreamStream]:
        return self.upstream.open(self.call)

    async def heard(self) -> tuple[list[UpstreamEvent], UpstreamFault | None]:
        """All events of the answer, and the fault that ended it."""
        events: list[UpstreamEvent] = []
        try:
            async with self.open() as stream:
                async for batch in stream:
                    assert batch
                    events += batch
        except UpstreamFault as fault:
            return events, fault
        return events, None


Preparing = Callable[[Situation], AbstractAsyncContextManager[Ready]]


def call_of(situation: Situation, text: str) -> UpstreamCall:
    messages = [Message(role="user", content=text)]
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=Turn(model="mix/m", messages=messages, stream=True),
        messages=messages,
        session="s_unknown" if situation is Situation.FORGOT else None,
    )


_BEGUN: list[UpstreamEvent] = [Opened(200), Started("s", "x")]
_SCRIPTS: Mapping[Situation, Script] = {
    Situation.ANSWERS: [_BEGUN, [Text("a")], [Text("b"), Finished("stop")]],
    Situation.FAILS: [_BEGUN, [Text("a")], [Failed("no")]],
    Situation.BREAKS_OFF: [_BEGUN, [Text("a")], Raise(faults.truncated(200))],
    Situation.FALLS_SILENT: [_BEGUN, Hang()],
    Situation.REFUSES: [
        Raise(
            UpstreamFault(
                EndReason.UPSTREAM_ERROR, Detail.RATE_LIMIT, "busy", status=429, retry_after_s=7, taken=False
            )
        )
    ],
    Situation.UNREACHABLE: [Refuse(faults.connect_failed())],
    Situation.FORGOT: [
        Raise(UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, "gone", status=404))
    ],
}
_PROMPTS: Mapping[Situation, str] = {
    Situation.ANSWERS: "[[chunks:4]] [[pace:1]]",
    Situation.FAILS: "[[chunks:4]] [[error_mid]]",
    Situation.BREAKS_OFF: "[[chunks:4]] [[cut]]",
    Situation.FALLS_SILENT: "[[silent]]",
    Situation.REFUSES: "[[429:7]]",
    Situation.UNREACHABLE: "hello",
    Situation.FORGOT: "hello",
}


@asynccontextmanager
async def _scripted(situation: Situation) -> AsyncIterator[Ready]:
    yield Ready(ScriptedUpstream([_SCRIPTS[situation]] * 2), call_of(situation, "hello"))


@asynccontextmanager
async def _mix(situation: Situation) -> AsyncIterator[Ready]:
    client = HttpClient(HttpOptions())
    async with trio.open_nursery() as nursery:
        demo = await nursery.start(serve_demo, DemoOptions())
        # Nothing listens on 127.0.0.9 at that port.
        url = demo.url.replace("127.0.0.1", "127.0.0.9") if situation is Situation.UNREACHABLE else demo.url
        upstream = MixUpstream(MixOptions(base_url=url), client)
        yield Ready(upstream, call_of(situation, _PROMPTS[situation]))
        client.close()
        nursery.cancel_scope.cancel()


@pytest.fixture(params=[_scripted, _mix], ids=["scripted", "mix"])
def preparing(request: pytest.FixtureRequest) -> Preparing:
    given: Preparing = request.param
    return given


async def test_an_answer_is_opened_then_started_then_said_then_finished(preparing: Preparing) -> None:
    async with preparing(Situation.ANSWERS) as ready:
        events, fault = await ready.heard()
    assert fault is None
    assert events[0] == Opened(200)
    assert isinstance(events[1], Started)
    assert events[-1] == Finished("stop")
    assert [type(event) for event in events[2:] if type(event) in CONTENT] == [Text] * sum(
        isinstance(event, Text) for event in events
    )
    assert any(isinstance(event, Text) for event in events)


async def test_an_upstream_takes_the_same_call_again(preparing: Preparing) -> None:
    async with preparing(Situation.ANSWERS) as ready:
        for _ in range(2):
            assert (await ready.heard())[0][-1] == Finished("stop")


async def test_an_answer_that_is_over_stays_over(preparing: Preparing) -> None:
    async with preparing(Situation.ANSWERS) as ready, ready.open() as stream:
        async for _ in stream:
            pass
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(aiter(stream))


async def test_a_failure_that_the_site_tells_of_is_an_event_and_no_fault(preparing: Preparing) -> None:
    async with preparing(Situation.FAILS) as ready:
        events, fault = await ready.heard()
    assert fault is None
    assert [event for event in events if isinstance(event, Failed)]


async def test_what_came_before_a_break_is_given_first(preparing: Preparing) -> None:
    async with preparing(Situation.BREAKS_OFF) as ready:
        events, fault = await ready.heard()
    assert isinstance(events[-1], Text)
    assert fault is not None
    assert (fault.end_reason, fault.detail, fault.status, fault.taken) == (
        EndReason.UPSTREAM_ERROR,
        Detail.TRUNCATED,
        200,
        True,
    )


async def test_a_refusal_is_a_fault_of_the_first_batch_and_leaves_the_turn_untaken(
    preparing: Preparing,
) -> None:
    async with preparing(Situation.REFUSES) as ready:
        events, fault = await ready.heard()
    assert not events
    assert fault is not None
    assert (fault.status, fault.retry_after_s, fault.taken) == (429, 7, False)


async def test_without_a_connection_there_is_no_stream(preparing: Preparing) -> None:
    async with preparing(Situation.UNREACHABLE) as ready:
        with pytest.raises(UpstreamFault) as raised:
            await ready.open().__aenter__()
    assert (raised.value.detail, raised.value.taken) == (Detail.CONNECT_FAILED, False)


async def test_a_session_that_the_other_side_forgot_is_lost(preparing: Preparing) -> None:
    async with preparing(Situation.FORGOT) as ready:
        events, fault = await ready.heard()
    assert not events
    assert fault is not None
    assert (fault.end_reason, fault.detail) == (EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST)


async def test_closing_ends_the_wait_of_another_task_and_repeats_do_nothing(preparing: Preparing) -> None:
    began = trio.Event()

    async def read(stream: UpstreamStream) -> None:
        async for batch in stream:
            if any(isinstance(event, Started) for event in batch):
                began.set()

    async def read_until_closed(stream: UpstreamStream) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await read(stream)

    async with (
        preparing(Situation.FALLS_SILENT) as ready,
        ready.open() as stream,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(read_until_closed, stream)
        await began.wait()
        await stream.aclose()
        await stream.aclose()


async def test_a_reader_may_leave_in_the_middle(preparing: Preparing) -> None:
    async with preparing(Situation.FALLS_SILENT) as ready, ready.open() as stream:
        assert (await anext(aiter(stream)))[0] == Opened(200)


async def test_a_reader_may_be_cancelled_while_it_waits(preparing: Preparing) -> None:
    async with preparing(Situation.FALLS_SILENT) as ready:
        with trio.CancelScope() as scope:
            async with ready.open() as stream:
                async for batch in stream:
                    if any(isinstance(event, Started) for event in batch):
                        scope.cancel()
    assert scope.cancelled_caught


async def test_a_reader_may_be_elsewhere_between_two_batches(preparing: Preparing) -> None:
    events: list[UpstreamEvent] = []
    async with preparing(Situation.ANSWERS) as ready, ready.open() as stream:
        async for batch in stream:
            events += batch
            stream.pause()
            await trio.lowlevel.checkpoint()
    assert events[-1] == Finished("stop")
