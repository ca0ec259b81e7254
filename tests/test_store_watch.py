"""When the store counts as away, and what is cut short then. On a clock that jumps."""

import pytest
import trio
import trio.testing
from actor_parts import CLOCK, sleep_through
from attrs import define, field

from mix2api.store_watch import StoreWatch

SENT = ("read", 1.0)
LATER = ("read", 2.0)


@define(eq=False)
class Watched:
    """A watch, the silence that it sees, and how often it looked."""

    silent: set[tuple[str, float]] = field(factory=set)
    looks: int = 0
    refused: int = 0
    watch: StoreWatch = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.watch = StoreWatch(self._look, CLOCK, self._refuse)

    def _look(self) -> frozenset[tuple[str, float]]:
        self.looks += 1
        return frozenset(self.silent)

    def _refuse(self) -> None:
        self.refused += 1


@pytest.fixture
async def watched(nursery: trio.Nursery) -> Watched:
    made = Watched()
    nursery.start_soon(made.watch.watch)
    return made


async def test_a_wait_for_a_store_that_answers_is_left_alone_however_long_it_takes(watched: Watched) -> None:
    done = False
    with watched.watch.patience():
        await trio.sleep(60)
        done = True
    assert done
    assert not watched.watch.is_away


@pytest.mark.parametrize("silent", [SENT, ("read", 0.0)])
async def test_a_wait_is_cut_short_once_the_same_command_was_unanswered_at_three_looks(
    watched: Watched, silent: tuple[str, float]
) -> None:
    watched.silent.add(silent)
    began = trio.current_time()
    with watched.watch.patience():
        await trio.sleep_forever()
    assert trio.current_time() - began <= 0.07
    assert watched.watch.is_away


async def test_looks_of_a_process_that_was_not_scheduled_prove_nothing_a_few_times_in_a_row(
    watched: Watched,
) -> None:
    watched.silent.add(SENT)
    cut = True
    with watched.watch.patience():
        for _ in range(5):
            await trio.sleep(0.01)
            sleep_through(1)
        cut = False
    assert not cut
    with watched.watch.patience():
        for _ in range(5):
            await trio.sleep(0.01)
            sleep_through(1)
        cut = True
    assert not cut


async def test_a_store_that_answered_between_the_looks_is_not_away(watched: Watched) -> None:
    cut = True
    with watched.watch.patience():
        for number in range(100):
            watched.silent = {("read", float(number))}
            await trio.sleep(0.02)
        cut = False
    assert not cut


async def test_a_reply_that_is_read_between_the_second_and_the_third_look_is_in_time(
    watched: Watched,
) -> None:
    async with trio.open_nursery() as nursery:
        watched.silent.add(SENT)
        cut = True

        async def wait() -> None:
            nonlocal cut
            with watched.watch.patience():
                await trio.sleep(1)
                cut = False

        looks = watched.looks
        nursery.start_soon(wait)
        while watched.looks < looks + 2:  # noqa: ASYNC110 - virtual time; the watch tells nobody that it looked
            await trio.sleep(0.001)
        watched.silent = {LATER}
        await trio.sleep(0.001)
        watched.silent.clear()
    assert not cut


async def test_once_it_is_known_to_be_away_nothing_waits(watched: Watched) -> None:
    watched.silent.add(SENT)
    with watched.watch.patience():
        await trio.sleep_forever()
    began = trio.current_time()
    with watched.watch.patience():
        await trio.sleep_forever()
    assert trio.current_time() == began


async def test_it_is_seen_to_come_back_though_nobody_waits(watched: Watched) -> None:
    watched.silent.add(SENT)
    with watched.watch.patience():
        await trio.sleep_forever()
    await trio.sleep(5)
    assert watched.watch.away_ms == pytest.approx(5000, abs=50)
    watched.silent.clear()
    await trio.sleep(0.1)
    assert (watched.watch.is_away, watched.watch.away_ms) == (False, 0.0)


async def test_it_looks_only_while_somebody_waits_or_something_is_silent(watched: Watched) -> None:
    with watched.watch.patience():
        await trio.sleep(1)
    await trio.sleep(1)
    looks = watched.looks
    await trio.sleep(100)
    assert watched.looks == looks
    watched.watch.look_soon()
    await trio.sleep(100)
    assert watched.looks <= looks + 3
