"""The supervisor of background tasks: a fault in one of them is that task's fault, and the process lives on.

A task here is work without an end, which nobody waits for: leases, heartbeat, mail, recovery. What a client waits for has
an owner of its own who answers (`mix2api.actors.worker`, `mix2api.edge`).
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from mix2api.errors import ConfigurationError

OnFault = Callable[[str, BaseException], None]
"""Told the name of a task, and what ended it."""

_FIRST_PAUSE_S: Final = 0.1
"""Before a task begins again: far less than a lease, so that one fault costs no lease."""
_LONGEST_PAUSE_S: Final = 5.0
"""The pause doubles up to this: a task that fails at once writes at most 12 lines a minute."""
_SETTLED_S: Final = 60.0
"""A task that ran for so long has got over its last fault, and the pauses begin anew."""


async def supervised(name: str, task: Callable[[], Awaitable[None]], on_fault: OnFault) -> None:
    """Runs a task; should it fail, the fault is told and the task begins again after a pause.

    Args:
        name: of the task, for the log.
        task: begins the work; it is called once more after each fault, so what it knows is kept elsewhere.
        on_fault: told of every fault.

    Raises:
        ConfigurationError: the task found that a setting is wrong: no pause will mend it.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        began = trio.current_time()
        if await contained(name, task, on_fault):
            return
        if trio.current_time() - began > _SETTLED_S:
            pause_s = _FIRST_PAUSE_S
        await trio.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)


async def contained(name: str, act: Callable[[], Awaitable[None]], on_fault: OnFault) -> bool:
    """Does one thing of a task; a fault in it is told. Gives whether it went well.

    Raises:
        ConfigurationError: as `supervised`.
    """
    try:
        await act()
    except ConfigurationError:
        raise
    except Exception as fault:  # noqa: BLE001 - the supervisor: one task's fault must not end the process
        if isinstance(fault, ExceptionGroup) and (wrong := fault.subgroup(ConfigurationError)) is not None:
            raise wrong from None
        on_fault(name, fault)
        return False
    return True
