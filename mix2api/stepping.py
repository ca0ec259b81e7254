"""Runs work that is cut into steps without holding the loop: other tasks run between the steps."""

from typing import TypeVar

import trio

from mix2api.steps import Steps

_Result = TypeVar("_Result")


async def in_turn(steps: Steps[_Result]) -> _Result:
    """What comes of the work; work of one step waits for nobody."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result
        await trio.lowlevel.checkpoint()
