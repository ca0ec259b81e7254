"""Work that is too long for one turn of the event loop, cut into steps by whoever knows how to do it. Pure, no I/O.

The core writes such work as a generator: it yields between two steps and returns what comes of it. The shell decides what
happens between the steps (`mix2api.stepping` lets other tasks run); where nothing has to, `at_once` runs it through.
"""

from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""One step should take at most a few milliseconds."""


def at_once(steps: Steps[_Result]) -> _Result:
    """All steps, one after another."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result
