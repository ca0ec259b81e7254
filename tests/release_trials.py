"""Trials with short words, for the tests of the guard."""

from itertools import count
from typing import Any

from mix2api.release.refusals import Refusals
from mix2api.release.trials import Cell, Trial
from mix2api.vocabulary import EndReason

STREAMS = Cell("opencode", stream=True, tools=True)
WHOLE = Cell("openai_python", stream=False, tools=False)
_numbers = count()


def trial(
    *,
    canary: bool = False,
    bad: bool = False,
    cell: Cell = STREAMS,
    continued: bool = False,
    **fields: Any,
) -> Trial:
    """A turn of a session of its own; `fields` are `Trial`'s own."""
    number = next(_numbers)
    known: dict[str, Any] = {
        "run_id": f"run_{number}",
        "session": f"ses_{number}",
        "turn": f"turn_{number}",
        "at_ms": 0,
        "edge_canary": canary,
        "age_ms": 30_000 if continued else 0,
        "reason": EndReason.TIMEOUT if bad else EndReason.STOP,
        "detail": None,
        "asked": True,
        "served": not bad,
        "stayed": cell.stream,
        "broken": bad and cell.stream,
        "done": cell.stream and not bad,
        "brings_results": False,
        "first_token_ms": None,
    }
    return Trial(cell=cell, canary=canary, **(known | fields))


def refusals(
    at_ms: int, *, edge_canary: bool = False, worker_canary: bool | None = None, requests: int = 1
) -> Refusals:
    """So many requests that an edge's own process refused, or the worker of a channel in another one."""
    return Refusals(
        at_ms=at_ms,
        edge_canary=edge_canary,
        canary=edge_canary if worker_canary is None else worker_canary,
        by_worker=worker_canary is not None,
        requests=requests,
    )


def trials(stable: int, stable_bad: int, canary: int, canary_bad: int, **fields: Any) -> list[Trial]:
    """So many turns of each channel, so many of them bad."""
    return [
        *[trial(bad=number < stable_bad, **fields) for number in range(stable)],
        *[trial(canary=True, bad=number < canary_bad, **fields) for number in range(canary)],
    ]
