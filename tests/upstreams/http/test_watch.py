"""A call's limits on a clock that jumps: one scope, whose deadline moves."""

import math

import pytest
import trio
import trio.testing

from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.http.watch import Watch
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail


async def passing(watch: Watch) -> tuple[Detail, float]:
    """Which limit ends a wait without end, and after how many seconds."""
    began = trio.current_time()
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        with pytest.raises(UpstreamFault) as raised:
            watch.check()
        return raised.value.detail, trio.current_time() - began


@pytest.mark.parametrize(
    ("timeouts", "detail", "after_s"),
    [
        (Timeouts(idle=10, silent=60, total=100), Detail.IDLE, 10),
        (Timeouts(idle=60, silent=10, total=100), Detail.SILENT, 10),
        (Timeouts(idle=60, silent=60, total=10), Detail.TOTAL, 10),
        (Timeouts(idle=10, silent=10, total=100), Detail.IDLE, 10),
        (Timeouts(idle=10, silent=0, total=0), Detail.IDLE, 10),
    ],
)
async def test_the_first_limit_to_pass_ends_a_wait_and_gives_it_its_name(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
    timeouts: Timeouts,
    detail: Detail,
    after_s: float,
) -> None:
    with Watch(timeouts) as watch:
        watch.begin(Detail.FIRST_BYTE, 50)
        watch.await_piece(heard=True)
        passed, seconds = await passing(watch)
    assert passed is detail
    assert after_s <= seconds <= after_s * (1 + 1 / 1000)


async def test_the_idle_limit_moves_with_each_piece_and_passes_at_most_a_thousandth_too_late(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    with Watch(Timeouts(idle=10, silent=0, total=0)) as watch:
        for pause in (9.999, 0.005, 0.005, 9.0, 0.0001):
            watch.await_piece(heard=False)
            await trio.sleep(pause)
        watch.await_piece(heard=False)
        passed, seconds = await passing(watch)
    assert passed is Detail.IDLE
    assert 10 <= seconds <= 10.01


async def test_a_part_of_the_call_has_its_own_limit_within_the_total_one(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    with Watch(Timeouts(total=100)) as watch:
        watch.begin(Detail.CONNECT, 10)
        await trio.sleep(9)
        watch.begin(Detail.FIRST_BYTE, 20)
        assert await passing(watch) == (Detail.FIRST_BYTE, 20)
    with Watch(Timeouts(total=15)) as watch:
        watch.begin(Detail.FIRST_BYTE, math.inf)
        assert await passing(watch) == (Detail.TOTAL, 15)


async def test_while_the_caller_is_elsewhere_no_limit_counts(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    with Watch(Timeouts(idle=60, silent=20, total=100)) as watch:
        watch.await_piece(heard=True)
        await trio.sleep(5)
        watch.pause()
        await trio.sleep(1000)
        watch.await_piece(heard=False)
        assert await passing(watch) == (Detail.SILENT, 15)
    with Watch(Timeouts(idle=60, silent=0, total=100)) as watch:
        for _ in range(2):
            watch.await_piece(heard=True)
            await trio.sleep(45)
            watch.pause()
            await trio.sleep(1000)
        watch.await_piece(heard=True)
        assert await passing(watch) == (Detail.TOTAL, 10)


async def test_what_is_lifted_never_passes(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    with Watch(Timeouts(idle=1, total=2)) as watch:
        watch.await_piece(heard=True)
        watch.lift()
        await trio.sleep(100)


async def test_a_wait_that_somebody_else_cancels_is_no_time_out(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    with trio.move_on_after(5) as outer, Watch(Timeouts(idle=10)) as watch:
        watch.await_piece(heard=True)
        try:
            await trio.sleep_forever()
        finally:
            watch.check()
    assert outer.cancelled_caught


async def test_a_limit_that_passes_in_the_caller_s_own_wait_is_raised_at_the_end(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    async def wait_for_somebody_else() -> None:
        with Watch(Timeouts(idle=10)) as watch:
            watch.sent, watch.status = True, 200
            watch.await_piece(heard=True)
            await trio.sleep_forever()

    with pytest.raises(UpstreamFault) as raised:
        await wait_for_somebody_else()
    assert (raised.value.detail, raised.value.taken, raised.value.status) == (Detail.IDLE, True, 200)
