"""The machine's clocks, in milliseconds."""

import datetime as dt

from mix2api.clock import SystemClock


def test_the_wall_clock_gives_unix_milliseconds() -> None:
    at = dt.datetime.fromtimestamp(SystemClock().now_ms() / 1000, dt.UTC)
    assert at.year >= 2025


def test_the_monotonic_clock_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.monotonic_ms() for _ in range(1000)]
    assert times == sorted(times)
    assert times[-1] - times[0] < 60_000
