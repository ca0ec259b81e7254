"""How late the event loop turns."""

import trio
import trio.testing

from mix2api.clock import SystemClock
from mix2api.metrics.lag import LoopLag


def test_the_longest_lateness_is_told_once_and_the_sum_stays() -> None:
    lag = LoopLag(SystemClock())
    for ms in (10.0, 400.0, -3.0):
        lag.late(ms)
    assert (lag.take_longest_s(), lag.take_longest_s()) == (0.4, 0.0)
    assert round(lag.total_s, 3) == 0.41


class Stepping:
    """A clock on which every look is 300 ms later."""

    def __init__(self) -> None:
        self.ms = 0.0

    def now_ms(self) -> int:
        return int(self.ms)

    def monotonic_ms(self) -> float:
        self.ms += 300
        return self.ms


async def test_a_loop_that_turns_late_is_seen(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    lag = LoopLag(Stepping())
    with trio.move_on_after(0.9):
        await lag.watch()
    assert round(lag.take_longest_s(), 3) == 0.05
