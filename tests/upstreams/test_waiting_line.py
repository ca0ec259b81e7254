"""The line of waiting calls: the order of its places, and its deadline."""

import pytest
import trio
import trio.testing

from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.waiting_line import WaitingLine
from mix2api.vocabulary import Detail, EndReason


async def test_a_call_that_waits_too_long_is_refused_and_leaves_the_line(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    line = WaitingLine(1, 5, "the upstream")
    assert not line.is_full
    async with line.place():
        assert line.is_full
        with pytest.raises(UpstreamFault) as caught:
            async with line.place():
                pass
        assert line.load == 1
    assert (caught.value.end_reason, caught.value.detail) == (EndReason.OVERLOADED, Detail.DEADLINE)
    assert not caught.value.taken
    assert line.load == 0


async def test_places_are_given_in_the_order_of_asking(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    line, order = WaitingLine(2, 60, "the upstream"), list[int]()

    async def call(number: int) -> None:
        await trio.sleep(number / 100)
        async with line.place():
            order.append(number)
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(call, number)
    assert order == list(range(6))


async def test_a_call_that_fails_gives_its_place_back() -> None:
    line = WaitingLine(1, 5, "the upstream")
    with pytest.raises(ValueError, match="broken"):
        async with line.place():
            raise ValueError("broken")
    assert line.load == 0
