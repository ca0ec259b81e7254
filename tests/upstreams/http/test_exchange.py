"""An exchange's limits in time, on a clock that jumps: what is the site's time, and what is the reader's."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from attrs import define, field

from mix2api.clock import SystemClock
from mix2api.upstreams.http.connection import Dialer
from mix2api.upstreams.http.exchange import Exchange, Services
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.limits import ANSWER_LIMIT, KeepAlive, Retries, Timeouts
from mix2api.upstreams.http.origin import Origin
from mix2api.upstreams.http.pool import IdlePool
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail

ORIGIN = Origin("http", "site.example", 80)
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_NEVER = 10**9


@define(eq=False)
class Played:
    """A connection whose peer says one thing after another: bytes, or a pause in seconds."""

    script: Iterable[bytes | float]
    origin: Origin = ORIGIN
    used: bool = False
    quiet: bool = True
    collects: bool = True
    closed: bool = False
    _steps: list[bytes | float] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._steps = list(self.script)

    async def send(self, data: bytes) -> None:
        assert data
        await trio.lowlevel.checkpoint()

    async def receive(self) -> bytes:
        if self.closed:
            raise trio.ClosedResourceError
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                await trio.lowlevel.checkpoint()
                return step
            await trio.sleep(step)
        await trio.sleep(_NEVER)
        raise AssertionError

    def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def exchange_of(
    timeouts: Timeouts, *script: bytes | float, head: bytes = HEAD, collects: bool = True
) -> AsyncIterator[Exchange]:
    """An exchange whose answer has begun."""
    pool: IdlePool[Played] = IdlePool(KeepAlive(), trio.current_time)
    pool.give_back(Played([*([head] if head else []), *script], collects=collects))
    services = Services(
        dialer=Dialer(),
        pool=pool,  # type: ignore[arg-type] - a connection that is played
        timeouts=timeouts,
        retries=Retries(),
        clock=SystemClock(),
        draw=lambda: 0.5,
        answer_limit=ANSWER_LIMIT,
    )
    request = HttpRequest(origin=ORIGIN, path="/", headers=(), body=b"")
    async with Exchange(services, request) as exchange:
        assert (await exchange.head()).status == 200
        yield exchange


async def fault_of(exchange: Exchange) -> UpstreamFault:
    """How its body ends; all of it is read, and none of it is content."""
    try:
        while await exchange.receive():
            pass
    except UpstreamFault as fault:
        return fault
    raise AssertionError("the body ended well")


async def be_away(exchange: Exchange) -> None:
    """The reader waits for its client."""
    exchange.pause()
    await trio.sleep(3600)


async def test_what_comes_without_content_does_not_end_a_silence(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    comments = [b": ping\n\n", 5.0] * 100
    async with exchange_of(Timeouts(idle=10, silent=60), *comments) as exchange:
        began = trio.current_time()
        assert (await fault_of(exchange)).detail is Detail.SILENT
        assert trio.current_time() - began == pytest.approx(60)


async def test_content_ends_a_silence(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(idle=10, silent=60), *[b"x", 5.0] * 100) as exchange:
        for _ in range(100):
            assert await exchange.receive() == b"x"
            exchange.heard = True
        assert (await fault_of(exchange)).detail is Detail.IDLE


async def test_a_slow_reader_is_no_silence_of_the_site(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(idle=10, silent=60), b"x", b"y", b": ping\n\n") as exchange:
        assert await exchange.receive() == b"x"
        exchange.heard = True
        await be_away(exchange)
        assert await exchange.receive() == b"y"
        await be_away(exchange)
        assert await exchange.receive() == b": ping\n\n"


async def test_the_total_limit_counts_the_site_s_time_alone(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(idle=10, total=60), *[b"x", 5.0] * 100) as exchange:
        began = trio.current_time()
        for _ in range(12):
            assert await exchange.receive() == b"x"
            await be_away(exchange)
        assert (await fault_of(exchange)).detail is Detail.TOTAL
        assert trio.current_time() - began == pytest.approx(12 * 3600 + 60)


async def test_no_limit_of_silence_is_none(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(idle=10, silent=0, total=0), *[b": ping\n\n", 5.0] * 1000) as exchange:
        assert (await fault_of(exchange)).detail is Detail.IDLE


async def test_the_limits_are_told_apart_where_nothing_comes_at_all(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(idle=60, silent=10)) as exchange:
        assert (await fault_of(exchange)).detail is Detail.SILENT
    async with exchange_of(Timeouts(idle=10, silent=60)) as exchange:
        assert (await fault_of(exchange)).detail is Detail.IDLE
    async with exchange_of(Timeouts(idle=60, silent=60, total=10)) as exchange:
        assert (await fault_of(exchange)).detail is Detail.TOTAL


async def test_framing_alone_ends_no_idle_wait(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    extensions = [b"1;a", *[1.0, b"b"] * 100]
    async with exchange_of(Timeouts(idle=10, silent=60), *extensions, head=CHUNKED) as exchange:
        assert (await fault_of(exchange)).detail is Detail.IDLE


async def test_a_head_in_drips_does_not_move_the_first_byte_s_limit(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    drips = [b"HTTP/1.1 200 OK\r\na: ", *[b"x", 1.0] * 1000]
    with pytest.raises(UpstreamFault) as raised:
        async with exchange_of(Timeouts(first_byte=60), *drips, head=b""):
            pass
    assert raised.value.detail is Detail.FIRST_BYTE


# --- pieces in close succession ----------------------------------------------------------------------------------


async def moments_of(exchange: Exchange, count: int) -> list[float]:
    """How many seconds after the first piece each of the next ones was given."""
    assert await exchange.receive()
    began = trio.current_time()
    moments = []
    for _ in range(count):
        assert await exchange.receive()
        moments.append(trio.current_time() - began)
    return moments


async def test_the_pieces_of_a_hurried_peer_are_waited_for_together(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(), *[b"x"] * 20) as exchange:
        moments = await moments_of(exchange, 12)
    assert moments[:8] == [0.0] * 8
    assert moments[8:] == pytest.approx([0.002, 0.004, 0.006, 0.008])


async def test_where_a_read_gives_one_piece_anyway_none_are_waited_for(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(), *[b"x"] * 40, collects=False) as exchange:
        assert await moments_of(exchange, 30) == [0.0] * 30


async def test_pieces_at_a_reader_s_pace_are_given_as_they_come(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    pace = 0.002
    async with exchange_of(Timeouts(), *[b"x", pace] * 20) as exchange:
        moments = await moments_of(exchange, 19)
    assert moments == pytest.approx([pace * count for count in range(1, 20)])


async def test_a_peer_that_slows_down_is_hurried_no_more(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    script = [*[b"x"] * 12, *[0.02, b"y"] * 3]
    async with exchange_of(Timeouts(), *script) as exchange:
        hurried = await moments_of(exchange, 11)
        began = trio.current_time()
        moments = []
        for _ in range(3):
            assert await exchange.receive() == b"y"
            moments.append(trio.current_time() - began)
    assert hurried[-1] > 0
    # The first one after the hurry is still collected for; it came within the 20 ms that the peer took.
    assert moments == pytest.approx([0.022, 0.042, 0.062])


async def test_a_hurried_peer_s_pieces_are_within_the_limits_of_time(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(total=0.011), *[b"x"] * 100) as exchange:
        assert (await fault_of(exchange)).detail is Detail.TOTAL


async def test_closing_ends_the_wait_for_a_hurried_peer(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async with exchange_of(Timeouts(), *[b"x"] * 20) as exchange, trio.open_nursery() as nursery:
        await moments_of(exchange, 10)

        async def close() -> None:
            await trio.sleep(0.001)
            exchange.close()

        nursery.start_soon(close)
        with pytest.raises(trio.ClosedResourceError):
            await exchange.receive()
