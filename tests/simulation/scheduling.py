"""Trio's scheduler under a seed: the order of runnable tasks is drawn, and a process can be stopped as SIGSTOP stops one.

trio sorts and shuffles each batch of runnable tasks if `_ALLOW_DETERMINISTIC_SCHEDULING` is set: hypothesis' plugin uses
that hook. The shuffle is asked of trio's own `Random`, in whose place `Scheduler` stands here. It also leaves out the
tasks of a stopped process. Their deadlines pass and their data arrives meanwhile, but none of their code runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import trio
import trio._core._run as trio_run
from attrs import define, field


@define(eq=False)
class Scheduler(trio.abc.Instrument):
    """Draws the order of tasks, knows which process each belongs to, and holds those of stopped processes.

    Args:
        random: the run's.
    """

    random: Random
    steps: int = 0
    """Batches drawn so far."""
    _owners: dict[trio.lowlevel.Task, str] = field(factory=dict)
    _held: dict[str, list[trio.lowlevel.Task]] = field(factory=dict)

    def own(self, owner: str) -> None:
        """From now on this task, and all that it starts, belong to a process."""
        self._owners[trio.lowlevel.current_task()] = owner

    def stop(self, owner: str) -> None:
        """Nothing of the process runs any more."""
        self._held.setdefault(owner, [])

    def resume(self, owner: str) -> None:
        """The process goes on: everything that became runnable meanwhile runs now."""
        for task in self._held.pop(owner, ()):
            trio_run.GLOBAL_RUN_CONTEXT.runner.runq.append(task)

    @property
    def stopped(self) -> list[str]:
        """The processes that are stopped."""
        return list(self._held)

    def shuffle(self, batch: list[trio.lowlevel.Task]) -> None:
        """Called by trio with the tasks that can run now."""
        self.steps += 1
        if self._held:
            batch[:] = [task for task in batch if not self._holds(task)]
        self.random.shuffle(batch)

    def _holds(self, task: trio.lowlevel.Task) -> bool:
        held = self._held.get(self._owners.get(task, ""))
        if held is None:
            return False
        held.append(task)
        return True

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """A task belongs to the process of the task that started it."""
        parent = getattr(trio_run.GLOBAL_RUN_CONTEXT, "task", None)
        if parent in self._owners:
            self._owners[task] = self._owners[parent]

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Nobody asks for it any more."""
        self._owners.pop(task, None)


@contextmanager
def seeded(scheduler: Scheduler) -> Iterator[None]:
    """Has trio's scheduler draw from a seed as long as the block lasts, and does a thread's work at once. Around `trio.run`."""
    module: Any = trio_run
    threads: Any = trio.to_thread
    before = module._ALLOW_DETERMINISTIC_SCHEDULING, module._r, threads.run_sync
    module._ALLOW_DETERMINISTIC_SCHEDULING, module._r, threads.run_sync = True, scheduler, _at_once
    try:
        yield
    finally:
        module._ALLOW_DETERMINISTIC_SCHEDULING, module._r, threads.run_sync = before


async def _at_once(work: Callable[..., Any], *arguments: Any, **_limits: Any) -> Any:
    """In `trio.to_thread.run_sync`'s place: a thread ends when it likes, and virtual time would not wait for it."""
    await trio.lowlevel.checkpoint()
    return work(*arguments)
