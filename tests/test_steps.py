"""Work in steps gives what it gives, at once or with others between its steps."""

from collections.abc import Generator

import trio

from mix2api.stepping import in_turn
from mix2api.steps import at_once


def work(seen: list[str]) -> Generator[None, None, int]:
    for _ in range(6):
        seen.append("work")
        yield
    return 7


def nothing() -> Generator[None, None, str]:
    return "done"
    yield


def test_at_once_gives_the_result() -> None:
    seen: list[str] = []
    assert at_once(work(seen)) == 7
    assert seen == ["work"] * 6
    assert at_once(nothing()) == "done"


async def test_other_tasks_run_between_the_steps() -> None:
    seen: list[str] = []

    async def other() -> None:
        for _ in range(8):
            seen.append("other")
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        assert await in_turn(work(seen)) == 7
    between = seen[seen.index("work") : len(seen) - seen[::-1].index("work")]
    # trio shuffles who runs first in each turn of the loop: two steps may stand side by side once.
    assert between.count("other") >= 2


async def test_work_of_one_step_waits_for_nobody() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        assert await in_turn(nothing()) == "done"
    assert not scope.cancelled_caught


async def test_work_under_a_shield_is_done_though_its_task_is_cancelled() -> None:
    seen: list[str] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        assert await in_turn(work(seen), shield=True) == 7
    assert seen
