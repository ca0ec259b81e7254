"""`make simulate`: as many seeds as one likes, or one of them with its trace.

`SEEDS=n` runs n of them from `FIRST_SEED` (1) on, over `JOBS` processes, and names those that fail. `SEED=n` runs one and
prints all that happened in it, in order. `WORLD=plans` has the users talk in conversations.
"""

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final

from attrs import frozen
from simulation.plan_world import PlanWorld
from simulation.run import World, simulate

_SHOWN: Final = 600
"""Characters of what a violation says: a context can be long."""


WORLDS: Final[dict[str, type[World]]] = {"requests": World, "plans": PlanWorld}
"""What users do in a world, by the word of `WORLD`."""


@frozen
class Outcome:
    """What became of one seed."""

    seed: int
    fault: str | None
    """What was violated; None if all held."""
    asked: int = 0
    virtual_s: float = 0.0
    faults: tuple[tuple[str, int], ...] = ()
    seen: tuple[tuple[str, int], ...] = ()


def outcome_of(seed: int, world: str = "requests") -> Outcome:
    """Runs a seed. Whatever it raises is a finding."""
    try:
        simulated = simulate(seed, kind=WORLDS[world])
    except Exception as fault:  # noqa: BLE001 - the supervisor of seeds
        return Outcome(seed, _told(fault))
    return Outcome(
        seed,
        None,
        simulated.asked,
        simulated.virtual_s,
        tuple(simulated.faults.items()),
        tuple(simulated.seen.items()),
    )


def _told(fault: BaseException) -> str:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return f"{type(fault).__name__}: {str(fault)[:_SHOWN]}"


def run_seeds(first: int, count: int, jobs: int, world: str) -> int:
    """Runs seeds and prints what came of them; gives how many failed."""
    failed, asked, virtual_s = 0, 0, 0.0
    faults: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    with ProcessPoolExecutor(jobs) as pool:
        for outcome in pool.map(partial(outcome_of, world=world), range(first, first + count)):
            asked += outcome.asked
            virtual_s += outcome.virtual_s
            faults.update(dict(outcome.faults))
            seen.update(dict(outcome.seen))
            if outcome.fault is not None:
                failed += 1
                print(f"SEED={outcome.seed} fails: {outcome.fault}", flush=True)
    print(f"{count} seeds from {first} on, {failed} failed")
    print(
        f"{asked} requests in {virtual_s:.0f} virtual seconds; their users saw {dict(sorted(seen.items()))}"
    )
    print(f"faults: {dict(sorted(faults.items()))}")
    return failed


def main() -> None:
    """Runs what the environment names."""
    world = os.environ.get("WORLD", "requests")
    if world not in WORLDS:
        sys.exit(f"there is no WORLD={world}; there are {', '.join(WORLDS)}")
    if "SEED" in os.environ:
        print(simulate(int(os.environ["SEED"]), is_shown=True, kind=WORLDS[world]))
        return
    first, count = int(os.environ.get("FIRST_SEED", "1")), int(os.environ.get("SEEDS", "200"))
    sys.exit(1 if run_seeds(first, count, int(os.environ.get("JOBS", "1")), world) else 0)


if __name__ == "__main__":
    main()
