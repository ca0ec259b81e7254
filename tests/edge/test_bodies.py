import pytest
import trio
import trio.testing

from mix2api.edge.bodies import DRAIN_BYTES, LimitedBody
from mix2api.errors import BodyTooLarge, RequestTimeout


async def test_pieces_are_put_together_once_all_are_there() -> None:
    body = LimitedBody(None, 10)
    body.append(b"ab")
    async with trio.open_nursery() as nursery:

        async def finish() -> None:
            body.append(b"cd")
            body.set_complete()

        nursery.start_soon(finish)
        assert await body.read(timeout_s=5) == b"abcd"
    assert body.received == 4


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes() -> None:
    body = LimitedBody(11, 10)
    with pytest.raises(BodyTooLarge):
        await body.read(timeout_s=5)


async def test_a_body_that_turns_out_too_large_is_refused_at_once_and_not_kept() -> None:
    body = LimitedBody(None, 10)
    body.append(b"x" * 11)
    body.append(b"y" * 5)
    with pytest.raises(BodyTooLarge):
        await body.read(timeout_s=5)
    assert body.received == 16


async def test_a_body_that_stops_half_way_is_given_up(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    body = LimitedBody(5, 10)
    body.append(b"ab")
    with pytest.raises(RequestTimeout):
        await body.read(timeout_s=60)
    assert trio.current_time() == pytest.approx(60)


async def test_draining_ends_with_the_body() -> None:
    body = LimitedBody(None, 10)
    body.append(b"ab")
    body.set_complete()
    await body.drain(5)
    assert body.received == 2


async def test_draining_ends_at_its_bound() -> None:
    body = LimitedBody(None, 10)
    body.append(b"x" * (DRAIN_BYTES + 1))
    await body.drain(5)


async def test_draining_does_not_wait_for_ever(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    body = LimitedBody(5, 10)
    await body.drain(5)
    assert trio.current_time() == pytest.approx(5)
