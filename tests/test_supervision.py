"""The supervisor of background tasks: a fault is told, the task begins again, and what must pass passes."""

import pytest
import trio
import trio.testing

from mix2api.errors import ConfigurationError
from mix2api.supervision import contained, supervised


class Faulty:
    """A task that fails so many times, each time after a while, and then ends well."""

    def __init__(self, faults: int, lasts_s: float = 0.0) -> None:
        self.left = faults
        self.lasts_s = lasts_s
        self.began: list[float] = []
        self.told: list[tuple[str, str]] = []

    async def run(self) -> None:
        self.began.append(trio.current_time())
        await trio.sleep(self.lasts_s)
        if self.left:
            self.left -= 1
            raise ValueError("content that nobody may see")

    def on_fault(self, name: str, fault: BaseException) -> None:
        self.told.append((name, type(fault).__name__))


async def test_a_task_that_fails_begins_again_until_it_ends_well(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    task = Faulty(3)
    await supervised("mail", task.run, task.on_fault)
    assert task.told == [("mail", "ValueError")] * 3
    assert len(task.began) == 4


async def test_pauses_grow_to_a_bound_and_begin_anew_after_a_long_run(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    quick = Faulty(12)
    await supervised("quick", quick.run, quick.on_fault)
    pauses = [round(after - before, 3) for before, after in zip(quick.began, quick.began[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.1, 5.0)
    slow = Faulty(12, lasts_s=100)
    await supervised("slow", slow.run, slow.on_fault)
    assert {round(after - before, 3) for before, after in zip(slow.began, slow.began[1:], strict=False)} == {
        100.1
    }


async def test_a_cancelled_task_is_no_fault(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    task = Faulty(0, lasts_s=1000)
    with trio.move_on_after(1) as scope:
        await supervised("mail", task.run, task.on_fault)
    assert scope.cancelled_caught
    assert task.told == []


async def test_a_wrong_setting_ends_the_process() -> None:
    async def fails() -> None:
        raise ConfigurationError("one line")

    with pytest.raises(ConfigurationError):
        await supervised("mail", fails, _nobody)


async def test_a_wrong_setting_among_other_faults_ends_the_process() -> None:
    async def fails() -> None:
        raise ExceptionGroup("", [ValueError(), ConfigurationError("one line")])

    with pytest.RaisesGroup(ConfigurationError):
        await supervised("mail", fails, _nobody)


def _nobody(_: str, fault: BaseException) -> None:
    raise AssertionError(fault)


async def test_one_thing_that_fails_is_told_and_over() -> None:
    task = Faulty(1)
    assert not await contained("mail", task.run, task.on_fault)
    assert await contained("mail", task.run, task.on_fault)
    assert task.told == [("mail", "ValueError")]
