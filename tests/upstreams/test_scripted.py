"""The fake upstream keeps the port's promises."""

import pytest
import trio
import trio.testing

from mix2api.upstreams.http import faults
from mix2api.upstreams.port import (
    Opened,
    Text,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
    UpstreamStream,
)
from mix2api.upstreams.scripted import Hang, Raise, Refuse, Script, ScriptedUpstream, Wait
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import Turn

CALL = UpstreamCall(
    run_id=RunId("r"), request_id=RequestId("q"), turn=Turn(model="m", messages=[]), messages=[]
)


def scripted(*scripts: Script) -> ScriptedUpstream:
    upstream = ScriptedUpstream(scripts)
    port: Upstream = upstream
    assert port is upstream
    return upstream


async def all_of(stream: UpstreamStream) -> list[list[UpstreamEvent]]:
    return [batch async for batch in stream]


async def test_batches_come_in_order_and_calls_are_kept() -> None:
    upstream = scripted([[Opened(200), Text("a")], [Text("b")]], [[Opened(201)]])
    async with upstream.open(CALL) as stream:
        assert await all_of(stream) == [[Opened(200), Text("a")], [Text("b")]]
    async with upstream.open(CALL) as stream:
        assert await all_of(stream) == [[Opened(201)]]
    await upstream.wait_calls(2)
    assert upstream.calls == [CALL, CALL]
    assert [stream.closed_early for stream in upstream.streams] == [False, False]


async def test_a_pause_lasts_until_the_test_ends_it(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    event = trio.Event()
    upstream = scripted([Wait(event), [Text("a")]])
    async with upstream.open(CALL) as stream:
        with trio.move_on_after(1) as scope:
            await anext(aiter(stream))
        assert scope.cancelled_caught
    assert upstream.streams[0].closed_early
    upstream = scripted([Wait(event), [Text("a")]])
    event.set()
    async with upstream.open(CALL) as stream:
        assert await all_of(stream) == [[Text("a")]]


async def test_a_fault_is_raised_where_the_script_has_it() -> None:
    upstream = scripted([[Text("a")], Raise(faults.truncated(200))], [Refuse(faults.connect_failed())])
    async with upstream.open(CALL) as stream:
        assert await anext(aiter(stream)) == [Text("a")]
        with pytest.raises(UpstreamFault):
            await anext(aiter(stream))
    with pytest.raises(UpstreamFault):
        await upstream.open(CALL).__aenter__()
    assert len(upstream.calls) == 2
    assert len(upstream.streams) == 1
    assert not upstream.streams[0].closed_early


async def test_closing_ends_a_silent_stream() -> None:
    upstream = scripted([Hang()])

    async def read(stream: UpstreamStream) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await anext(aiter(stream))

    async with upstream.open(CALL) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(read, stream)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
        await stream.aclose()
    await upstream.streams[0].left.wait()
    assert upstream.streams[0].closed_early


async def test_leaving_before_the_end_is_seen() -> None:
    upstream = scripted([[Text("a")], [Text("b")]])
    async with upstream.open(CALL) as stream:
        await anext(aiter(stream))
    assert upstream.streams[0].closed_early
    with pytest.raises(trio.ClosedResourceError):
        await anext(aiter(stream))


async def test_a_call_without_a_script_is_the_test_s_mistake() -> None:
    with pytest.raises(LookupError, match="call 1"):
        await scripted().open(CALL).__aenter__()


async def test_waiting_for_calls_ends_with_the_call() -> None:
    upstream = scripted([])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upstream.wait_calls, 1)
        await trio.testing.wait_all_tasks_blocked()
        async with upstream.open(CALL) as stream:
            assert await all_of(stream) == []
