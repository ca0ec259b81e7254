"""Growth: many sessions with many turns each, in cohorts, so that the figures of early ones stand beside those of late ones.

A cohort's sessions live side by side: all take their first turn, then all their second, to the last. Cohorts follow one
another. So the first and the last turns of a cohort differ in age alone, the first and the last cohort in number alone.
"""

import gc
import time
from collections.abc import Callable, Iterator
from itertools import islice

from sessions_results import Cohort, Growth, Return, Shot, Wave
from sessions_system import HISTORY, NAME, SETTLE_S, System
from store import memory_by_kind, used_memory

COHORTS = 20
TURNS = 50
WANTED = 10_000
"""The goal's number; fewer where the time does not reach."""
SHOTS_AT = (5, 25, 50)
MARKS = (0.1, 0.5, 1.0)
_FIRST, _FIRST_QUICK = 100, 20
"""Sessions of the cohort that is led before anything counts: it warms up, and its pace sets how many the others have."""
_COLD, _COLD_QUICK = 50, 20
_BACK = 100
_SPARE = 0.75
"""Of the time that is left: a run of eight minutes beside other work took 1.3 times what its first cohort promised."""


class Sizes:
    """How many sessions there are to be."""

    def __init__(self, *, quick: bool, budget_s: float, sessions: int | None) -> None:
        self.first = _FIRST_QUICK if quick else _FIRST
        self.cold = _COLD_QUICK if quick else _COLD
        self.budget_s = budget_s
        self._sessions = sessions

    def cohort(self, turn_s: float, left_s: float) -> int:
        """Sessions of one cohort, by the seconds that a turn takes."""
        fitting = int((left_s - COHORTS * SETTLE_S) * _SPARE / turn_s / TURNS)
        return max(
            4, min(WANTED, fitting) // COHORTS if self._sessions is None else self._sessions // COHORTS
        )


async def measure_growth(system: System, sizes: Sizes, tell: Callable[[str], None]) -> Growth:
    """The whole part.

    Args:
        system: with no sessions in it that count.
        sizes: how many sessions.
        tell: told of the progress.
    """
    begun = time.monotonic()
    numbers = iter(range(1_000_000))
    await _cohort(system, _next(numbers, sizes.first), HISTORY, 0)
    turn_s = (time.monotonic() - begun) / (sizes.first * TURNS)
    cold = await _cohort(system, _next(numbers, sizes.cold), HISTORY, 0, cold=True)
    size = sizes.cohort(turn_s, sizes.budget_s - (time.monotonic() - begun))
    tell(f"{turn_s * 1e3:.2f} ms a turn: {COHORTS} cohorts of {size} sessions, {TURNS} turns each")
    await system.renew_worker(idle_max=size)
    cohorts: list[Cohort] = []
    returns: list[Return] = []
    marks: list[Shot] = []
    of_cohorts: list[list[int]] = []
    for place in range(COHORTS):
        kind = NAME if place % 2 else HISTORY
        of_cohorts.append(_next(numbers, size))
        done = (place + 1) * size
        cohorts.append(await _cohort(system, of_cohorts[-1], kind, place * size))
        await system.settle()
        gc.collect()
        marks.append(await system.shot(done, TURNS))
        if (place + 1) / COHORTS in MARKS:
            back = _old(of_cohorts[:-1:2], len(returns), min(_BACK, size))
            returns.append(Return(done, await system.ask(back, TURNS + 1, HISTORY)))
            tell(f"{done} sessions, {done * TURNS:,} turns")
    return Growth(
        turns=TURNS,
        idle_max=size,
        cohorts=cohorts,
        cold=cold,
        returns=returns,
        by_kind=dict(memory_by_kind(system.client)),
        marks=marks,
    )


def _next(numbers: Iterator[int], count: int) -> list[int]:
    return list(islice(numbers, count))


def _old(cohorts: list[list[int]], nth: int, count: int) -> list[int]:
    """Sessions of all cohorts led so far but the last, none twice: every mark has its own residue."""
    candidates = [
        number for cohort in cohorts for place, number in enumerate(cohort) if place % len(MARKS) == nth
    ]
    return candidates[:: max(1, len(candidates) // count)][:count]


async def _cohort(
    system: System, numbers: list[int], kind: str, before: int, *, cold: bool = False
) -> Cohort:
    """Leads a cohort through its turns; cold: by a new worker each turn, which has to read every session."""
    redis_before = used_memory(system.client)
    waves: list[Wave] = []
    shots: list[Shot] = []
    for turn in range(1, TURNS + 1):
        if cold:
            await system.renew_worker()
        waves.append(await system.ask(numbers, turn, kind))
        if turn in SHOTS_AT:
            shots.append(await system.shot(before + len(numbers), turn))
    return Cohort(kind=kind, sessions=len(numbers), before=redis_before, waves=waves, shots=shots)
