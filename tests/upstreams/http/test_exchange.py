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
from mix2api.upstreams.http.watch import Watch
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
    closed: bool = False
    _steps: list[bytes | float] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._steps = list(self.script)

    async def send(self, data: bytes) -> None:
        assert data
        await trio.lowlevel.checkpoint()

    async def receive(self) -> bytes:
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
    timeouts: Timeouts, *script: bytes | float, head: bytes = HEAD
) -> AsyncIterator[Exchange]:
    """An exchange whose answer has begun."""
    pool: IdlePool[Played] = IdlePool(KeepAlive(), trio.current_time)
    pool.give_back(Played([*([head] if head else []), *script]))
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
    with trio.CancelScope() as scope:
        exchange = Exchange(services, request, Watch(scope, timeouts.total_or_inf))
        await exchange.start()
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
    await trio.sleep(3600)
    exchange.excuse(3600)


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
