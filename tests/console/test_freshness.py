"""Readings that pages share, a failed one included."""

from trio.testing import MockClock

from mix2api.console.freshness import SharedReading
from mix2api.errors import StoreUnavailable

GOOD_FOR_S = 2.0


async def test_a_reading_is_shared_until_it_is_old(autojump_clock: MockClock) -> None:
    asked: list[int] = []

    async def read() -> int:
        asked.append(1)
        return len(asked)

    reading = SharedReading(read, GOOD_FOR_S)
    assert [await reading.value(), await reading.value()] == [1, 1]
    autojump_clock.jump(GOOD_FOR_S)
    assert await reading.value() == 2


async def test_a_failure_is_shared_too_and_the_last_reading_stands(autojump_clock: MockClock) -> None:
    asked: list[int] = []

    async def read() -> int:
        asked.append(1)
        if len(asked) != 2:
            raise StoreUnavailable
        return 7

    reading = SharedReading(read, GOOD_FOR_S)
    assert [await reading.value(), await reading.value()] == [None, None]
    assert len(asked) == 1
    for calls in (2, 3):
        autojump_clock.jump(GOOD_FOR_S)
        assert [await reading.value(), await reading.value()] == [7, 7]
        assert len(asked) == calls
