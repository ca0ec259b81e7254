"""Turns that make no step, by the clock of whoever looks."""

import trio

from mix2api.conversations.ids import TurnRef
from mix2api.execution.stalling import StallWatch
from mix2api.vocabulary import Digest

ONE, OTHER = TurnRef(Digest("a"), 1), TurnRef(Digest("a"), 2)


async def test_a_turn_stalls_that_stays_in_one_version_for_too_long() -> None:
    watch = StallWatch(10)
    assert not watch.has_stalled(ONE, 1)
    await trio.sleep(9)
    assert not watch.has_stalled(ONE, 1)
    assert not watch.has_stalled(ONE, 2)
    await trio.sleep(9.5)
    assert not watch.has_stalled(ONE, 2)
    assert not watch.has_stalled(OTHER, 2)
    await trio.sleep(1)
    assert watch.has_stalled(ONE, 2)
    assert not watch.has_stalled(OTHER, 2)


async def test_a_turn_that_was_forgotten_is_measured_anew() -> None:
    watch = StallWatch(10)
    for turn in (ONE, OTHER):
        assert not watch.has_stalled(turn, 1)
    watch.keep([OTHER])
    await trio.sleep(11)
    assert not watch.has_stalled(ONE, 1)
    assert watch.has_stalled(OTHER, 1)
