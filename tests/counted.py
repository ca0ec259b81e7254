"""Counts what a piece of work takes, in function calls: the same number on every machine, however busy it is.

Calls of C functions count as one each. A copy of a long text or tuple within such a call is not seen: where that matters the
length itself is bounded, and a test says so.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from cProfile import Profile
from types import FrameType

import trio
from attrs import define

from mix2api.steps import Steps


@define
class Count:
    """What has been counted so far."""

    calls: int = 0

    def see(self, _frame: FrameType, event: str, _argument: object) -> None:
        """For `sys.setprofile`."""
        self.calls += event in {"call", "c_call"}


@contextmanager
def counting() -> Iterator[Count]:
    """Counts within the block; the number is there when the block is over."""
    # The profiler in C takes a third of the time that `see` takes, and counts the same.
    count = Count()
    before = sys.getprofile()
    profile = Profile()
    profile.enable(subcalls=False)
    try:
        yield count
    finally:
        profile.disable()
        sys.setprofile(before)
        count.calls = sum(entry.callcount for entry in profile.getstats())


def calls_of(work: Callable[[], object]) -> int:
    """How many function calls the work takes."""
    with counting() as count:
        work()
    return count.calls


def longest_step(steps: Steps[object]) -> int:
    """The function calls of the longest step."""
    longest, over = 0, False
    while not over:
        with counting() as count:
            over = next(steps, count) is count
        longest = max(longest, count.calls)
    return longest


class CountedSteps(trio.abc.Instrument):
    """The longest step of any task of the product, in function calls, while it is installed."""

    def __init__(self) -> None:
        self.longest = 0
        self.task = ""
        self._count = Count()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name.startswith("mix2api."):
            self._count.calls = 0
            sys.setprofile(self._count.see)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        sys.setprofile(None)
        if self._count.calls > self.longest:
            self.longest, self.task = self._count.calls, task.name

    @contextmanager
    def installed(self) -> Iterator["CountedSteps"]:
        """Counts within the block."""
        trio.lowlevel.add_instrument(self)
        try:
            yield self
        finally:
            trio.lowlevel.remove_instrument(self)
            sys.setprofile(None)
