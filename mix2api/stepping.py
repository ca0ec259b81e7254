"""Runs work that is cut into steps without holding the loop: other tasks run between the steps."""

from typing import TypeVar

import trio

from mix2api.steps import Steps

_Result = TypeVar("_Result")


async def in_turn(steps: Steps[_Result], *, shield: bool = False) -> _Result:
    """What comes of the work; work of one step waits for nobody.

    Args:
        steps: the work.
        shield: whether it goes on though its task is cancelled.
    """
    let_others_run = trio.lowlevel.cancel_shielded_checkpoint if shield else trio.lowlevel.checkpoint
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result
        await let_others_run()
