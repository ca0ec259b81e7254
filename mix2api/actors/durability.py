"""How long a run waits for the store's word on an append: while the store answers, it waits; once the store is away, it does not.

A store that is away and a process that is slow look alike from the clock alone: both leave an append unanswered. A client must
be refused soon in the first case and not at all in the second.
"""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

import trio

from mix2api.events.log import EventLog, Outcome, Ticket

DURABLE: Final = frozenset({Outcome.APPENDED, Outcome.ALREADY})

_FIRST_LOOKS_S: Final = (0.44, 0.04)
"""Seconds until the first look at the store, and from there to the second. The store counts as away 0.4 s after a command
that it leaves unanswered was sent, and a client has to have its 503 within 0.5 s (architecture, "Redis away")."""
_LATER_LOOKS_S: Final = 0.5
"""Seconds between further looks. Thousands may wait in a burst, and each look costs some 10 µs."""
PATIENCE_S: Final = sum(_FIRST_LOOKS_S)
"""Seconds after which nobody waits for a store that was away from the beginning."""


async def wait_durable(log: EventLog, ticket: Ticket, limit_s: float) -> Outcome | None:
    """Waits for what becomes of an append.

    Args:
        log: whose append it is.
        ticket: of the append.
        limit_s: the longest wait while the store answers, in seconds.

    Returns:
        The outcome. None if the store is away (`log.is_down`) or the limit has passed.
    """
    ends = trio.current_time() + limit_s
    for pause_s in _looks():
        with trio.move_on_after(min(pause_s, max(0.0, ends - trio.current_time()))):
            return await ticket.wait()
        if ticket.outcome is not None:
            return ticket.outcome
        if log.is_down or trio.current_time() >= ends:
            return None
    raise AssertionError("there is always another look")


def _looks() -> Iterator[float]:
    return chain(_FIRST_LOOKS_S, repeat(_LATER_LOOKS_S))
