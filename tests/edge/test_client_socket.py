"""A client's socket: what is written when, and how the client's leaving is noticed."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest
import trio
import trio.testing
from attrs import define

from mix2api.edge.client_socket import READ_BYTES, ClientSocket
from mix2api.edge.hang_ups import HangUps
from mix2api.edge.stopwatch import Stopwatch
from mix2api.vocabulary import Detail

_LONG = b"x" * 20_000_000
"""More than the buffers on both sides hold."""


@define
class Both:
    """A client's socket as the edge has it, and as the client has it."""

    ours: ClientSocket
    theirs: trio.SocketStream


@pytest.fixture
def hang_ups() -> Iterator[HangUps]:
    with closing(HangUps()) as made:
        yield made


@asynccontextmanager
async def connected(hang_ups: HangUps, stall_limit_s: float = 60) -> AsyncIterator[Both]:
    taken, other = socket.socketpair()
    taken.setblocking(False)  # noqa: FBT003 - the standard library's shape
    ours = ClientSocket(taken, hang_ups, stall_limit_s)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(other))
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, stream:
            nursery.start_soon(hang_ups.run)
            try:
                yield Both(ours, stream)
            finally:
                ours.close()
                nursery.cancel_scope.cancel()


async def test_what_the_kernel_has_room_for_is_written_without_a_turn_of_the_loop(hang_ups: HangUps) -> None:
    async with connected(hang_ups) as both:
        with trio.testing.assert_no_checkpoints():
            await both.ours.write(b"piece")
        assert await both.theirs.receive_some() == b"piece"


async def test_a_long_piece_is_written_as_the_client_takes_it(hang_ups: HangUps) -> None:
    async with connected(hang_ups) as both, trio.open_nursery() as nursery:
        nursery.start_soon(both.ours.write, _LONG)
        taken = 0
        while taken < len(_LONG):
            taken += len(await both.theirs.receive_some())
    assert both.ours.why is None


@define
class SlowClock:
    """A clock on which a second passes with every look at it."""

    ms: float = 0.0

    def now_ms(self) -> int:
        return 0

    def monotonic_ms(self) -> float:
        self.ms += 1000
        return self.ms


async def test_the_watch_is_told_of_a_piece_that_the_client_holds_up_and_of_no_other(
    hang_ups: HangUps,
) -> None:
    async with connected(hang_ups) as both, trio.open_nursery() as nursery:
        both.ours.watch = watch = Stopwatch(SlowClock(), 0)
        await both.ours.write(b"piece")
        nursery.start_soon(both.ours.write, _LONG)
        taken = 0
        while taken < len(b"piece") + len(_LONG):
            taken += len(await both.theirs.receive_some())
    assert watch.times(is_written=False).waits == ((1000, 1000),)


async def test_a_client_that_takes_nothing_is_given_up(hang_ups: HangUps) -> None:
    async with connected(hang_ups, stall_limit_s=0.02) as both:
        with both.ours.scope:
            await both.ours.write(_LONG)
            pytest.fail("it was written")
        assert both.ours.why is Detail.STALLED


@pytest.mark.parametrize("data", [b"piece", _LONG], ids=["short", "long"])
async def test_a_write_to_a_client_that_has_left_gives_it_up(hang_ups: HangUps, data: bytes) -> None:
    async with connected(hang_ups) as both:
        await both.theirs.aclose()
        with both.ours.scope:
            await both.ours.write(data)
            pytest.fail("it was written")
        assert both.ours.why is Detail.HUNG_UP
        both.ours.say(b"it does not matter")


async def test_a_body_that_breaks_off_gives_the_client_up(hang_ups: HangUps) -> None:
    async with connected(hang_ups) as both:
        await both.theirs.send_all(b"half")
        assert await both.ours.receive() == b"half"
        await both.theirs.aclose()
        with both.ours.scope:
            await both.ours.receive()
        assert both.ours.why is Detail.HUNG_UP


async def test_what_is_sent_ahead_is_kept_up_to_a_bound_and_the_leaving_behind_it_is_noticed(
    hang_ups: HangUps,
) -> None:
    async with connected(hang_ups) as both:
        both.ours.listen()
        with both.ours.scope:
            await both.theirs.send_all(b"next")
            await trio.testing.wait_all_tasks_blocked()
            await both.theirs.aclose()
            await trio.sleep_forever()
        assert (both.ours.take_ahead(), both.ours.why) == (b"next", Detail.HUNG_UP)


async def test_more_than_the_bound_is_read_once_its_task_reads_again(hang_ups: HangUps) -> None:
    async with connected(hang_ups) as both:
        both.ours.listen()
        await both.theirs.send_all(b"y" * (READ_BYTES + 5))
        while len(both.ours.ahead) < READ_BYTES:
            await trio.lowlevel.checkpoint()
        both.ours.listen()  # without effect: there is no room
        assert await both.ours.read() == b"y" * 5


async def test_behind_the_last_request_everything_is_thrown_away(hang_ups: HangUps) -> None:
    async with connected(hang_ups) as both:
        both.ours.ignores_more = True
        both.ours.listen()
        with both.ours.scope:
            await both.theirs.send_all(b"y" * (2 * READ_BYTES))
            await both.theirs.aclose()
            await trio.sleep_forever()
        assert (both.ours.ahead, both.ours.why) == (b"", Detail.HUNG_UP)


async def test_lingering_ends_with_the_client(hang_ups: HangUps) -> None:
    async with connected(hang_ups) as both, trio.open_nursery() as nursery:
        nursery.start_soon(both.ours.linger, 60)
        assert await both.theirs.receive_some() == b""
        await both.theirs.send_all(b"what is still sent")
        await both.theirs.aclose()
