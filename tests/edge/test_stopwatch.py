"""What the edge measures of a request."""

from attrs import define

from mix2api.edge.stopwatch import LONG_MS, Stopwatch
from mix2api.events.edge_times import EdgeTimes


@define
class HandClock:
    """A clock that a test moves."""

    ms: float = 1000.0

    def now_ms(self) -> int:
        return int(self.ms)

    def monotonic_ms(self) -> float:
        return self.ms


def begun() -> tuple[HandClock, Stopwatch]:
    clock = HandClock()
    return clock, Stopwatch(clock, clock.ms)


def test_every_step_has_the_milliseconds_since_the_head() -> None:
    clock, watch = begun()
    for step in (watch.body_read, watch.understood, watch.found, watch.submitted, watch.accepted):
        clock.ms += 10
        step()
    clock.ms += 10
    watch.write_begins()
    clock.ms += 10
    watch.write_done()
    assert watch.times(is_written=True) == EdgeTimes(
        body=10, understood=20, found=30, submitted=40, accepted=50, ended=60, over=70
    )


def test_a_write_that_the_client_held_up_is_told_of_and_a_quick_one_is_not() -> None:
    clock, watch = begun()
    for waited in (LONG_MS, LONG_MS + 1, 2):
        watch.write_begins()
        clock.ms += waited
        watch.write_done()
    assert watch.times(is_written=True).waits == ((LONG_MS, LONG_MS + 1),)


def test_a_write_under_way_when_the_answer_is_given_up_counts_too() -> None:
    clock, watch = begun()
    watch.write_begins()
    clock.ms += 5000
    times = watch.times(is_written=False)
    assert (times.waits, times.ended, times.over) == (((0, 5000),), None, 5000)


def test_of_many_waits_the_first_are_told_one_by_one_and_the_rest_as_a_sum() -> None:
    clock, watch = begun()
    for _ in range(20):
        watch.write_begins()
        clock.ms += 300
        watch.write_done()
    times = watch.times(is_written=True)
    assert (len(times.waits), times.more_waits) == (16, 1200)
