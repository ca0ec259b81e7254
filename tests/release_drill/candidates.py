"""The candidates of the drill: what each makes of its turns, which of the drill's clients that harms, and how the guard finds it."""

import os
from typing import Final

from attrs import field, frozen
from release_drill.load import KINDS

from mix2api.demo import DemoOptions
from mix2api.release.trials import Metric

_SLOWER_MS: Final = os.environ.get("DRILL_SLOWER_MS", "300")
_BROKEN_EVERY: Final = os.environ.get("DRILL_BROKEN_EVERY")
_RATES: Final = frozenset({Metric.SUCCESS, Metric.BROKEN, Metric.DONE, Metric.LOOPS, Metric.DRIFT})
_TIMES: Final = frozenset({Metric.MEDIAN, Metric.TAIL})


@frozen(kw_only=True)
class Candidate:
    """One of them. The site behind it has its faults: what the candidate's clients see is the same."""

    told: str
    """What it does wrong, in a line."""
    site: DemoOptions
    harms: frozenset[str]
    """The kinds of clients that see failures: all others must see none."""
    found_by: frozenset[Metric] = field(default=_RATES)
    """By one of these tests the guard has to find it."""


def _every(ordinary: int) -> int:
    return ordinary if _BROKEN_EVERY is None else int(_BROKEN_EVERY)


CANDIDATES: Final = {
    "breaks": Candidate(
        told=f"breaks one in {_every(50)} turns",
        site=DemoOptions(fault="[[cut]]", fault_every=_every(50)),
        harms=frozenset(kind.name for kind in KINDS),
    ),
    "tools": Candidate(
        told=f"breaks one in {_every(10)} tool streams of OpenCode, and nothing else",
        site=DemoOptions(fault="[[cut]]", fault_every=_every(10), fault_where="You are opencode"),
        harms=frozenset({"opencode"}),
    ),
    "slow": Candidate(
        told=f"gives each first token {_SLOWER_MS} ms later",
        site=DemoOptions(fault=f"[[slow_head:{_SLOWER_MS}]]", fault_every=1),
        harms=frozenset(),
        found_by=_TIMES,
    ),
}
