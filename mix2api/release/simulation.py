"""Plays a step of a release on a day's numbers, with a regression or without one, through the guard's own tests.

Good turns are drawn as counts, bad ones singly: each has a turn and a session, and its client resends it. So a simulated day takes
seconds, and what makes false alarms is in it.
"""

from math import exp
from typing import Final

from attrs import define, evolve, field, frozen

from mix2api.release.block import BLOCK_MS, Block
from mix2api.release.comparison import Comparison, Finding
from mix2api.release.day import STRETCH_S, Day, Kind
from mix2api.release.draws import Draws
from mix2api.release.independence import Independence
from mix2api.release.trials import Cell, Metric, Origin, Trial
from mix2api.vocabulary import EndReason

RESENDS: Final = 5
"""A client gives up after so many: OpenCode's and Codex's number."""
_PERSISTS: Final = 0.8
"""Chance that a resent turn fails like the one before: most causes last longer than a client's patience."""
_AS_STABLE: Final = (0.5, 0.1)
"""Share of the times above stable's median, and above its ninth decile, without a regression."""


@frozen(kw_only=True)
class Regression:
    """What is wrong with the canary."""

    points: float = 0.0
    """Share of its turns that go wrong beside the others."""
    slower: bool = False
    """Its first token takes a fifth longer."""
    cell: Cell | None = None
    """The only cell that it hits; None: all."""


NONE: Final = Regression()


@frozen(kw_only=True)
class Setup:
    """What is played."""

    day: Day
    share: float
    """The canary's."""
    log_alarm: float
    """The average's logarithm at which the guard rolls back."""
    regression: Regression = NONE
    block_s: float = BLOCK_MS / 1000
    """Longer blocks play faster, and see a little later."""
    singly: bool = False
    """Count each resent turn like any other: shows what the guard's independence is good for."""
    carried: bool = True
    """Count sessions that are older than the step: False shows what they are good for."""


@frozen(kw_only=True)
class Played:
    """How it went."""

    seconds: float | None
    """Until the alarm; None: there was none."""
    hit: int
    """Turns that went wrong by the regression until then. Resent ones are not counted."""
    first: Finding | None
    """The strongest test then."""


@define
class Play:
    """One play.

    Args:
        setup: what is played.
        draws: decide the rest.
        stretch: where in the day it begins.
    """

    _setup: Setup
    _draws: Draws
    _stretch: int = 0
    _independence: Independence = field(factory=Independence)
    _comparison: Comparison = field(factory=Comparison)
    _resent: dict[int, list[Trial]] = field(factory=dict)
    """Block -> turns that are resent in it."""
    _made: int = 0
    _hit: int = 0

    def run(self, seconds: float) -> Played:
        """Plays until the alarm, and so many seconds at most."""
        for number in range(int(seconds / self._setup.block_s)):
            self._comparison.take(self._block(number))
            if self._comparison.log_value >= self._setup.log_alarm:
                first = self._comparison.findings()[0]
                return Played(seconds=(number + 1) * self._setup.block_s, hit=self._hit, first=first)
        return Played(seconds=None, hit=self._hit, first=None)

    def _block(self, number: int) -> Block:
        block, day = Block(), self._setup.day
        passed_s = number * self._setup.block_s
        kinds = day.stretches[(self._stretch + int(passed_s / STRETCH_S)) % len(day.stretches)]
        counted = 1 - exp(-passed_s / day.session_s)
        for trial in self._resent.pop(number, []):
            self._see(block, trial, number)
        for kind in kinds:
            self._add(block, kind, number, origin=Origin.FRESH, turns=kind.fresh)
            if kind.continued:
                self._add(block, kind, number, origin=Origin.CONTINUED, turns=kind.continued * counted)
                if self._setup.carried:
                    self._add(
                        block, kind, number, origin=Origin.CARRIED, turns=kind.continued * (1 - counted)
                    )
                first = min(kind.continued, kind.fresh) * counted
                self._add_times(block, kind, first, origin=Origin.CONTINUED)
            self._add_times(block, kind, kind.fresh, origin=Origin.FRESH)
        return block

    def _add(self, block: Block, kind: Kind, number: int, *, origin: Origin, turns: float) -> None:
        """Draws the turns of a kind: how many are the canary's, and how many of each channel go wrong."""
        baseline = kind.fresh_bad if origin is Origin.FRESH else kind.continued_bad
        for canary, count in self._divided(turns):
            worse = self._regression(kind).points if canary else 0.0
            usual = self._draws.hits(count, baseline)
            by_it = self._draws.hits(count - usual, worse)
            self._hit += by_it
            good = count - usual - by_it
            for metric in _metrics(kind.cell):
                block.add(kind.cell, metric, canary=canary, origin=origin, bad=0, count=good)
            for _ in range(usual + by_it):
                self._see(block, self._bad(kind.cell, number, canary=canary, origin=origin), number)

    def _divided(self, turns: float) -> tuple[tuple[bool, int], tuple[bool, int]]:
        """So many turns a second, in a block, by channel."""
        expected = turns * self._setup.block_s
        whole = int(expected)
        count = whole + (self._draws.uniform() < expected - whole)
        canary = self._draws.hits(count, self._setup.share)
        return (False, count - canary), (True, canary)

    def _see(self, block: Block, trial: Trial, number: int) -> None:
        """Counts a bad turn if it counts, and has its client resend it."""
        if self._setup.singly or self._independence.admits(trial):
            for metric in _metrics(trial.cell):
                block.add(trial.cell, metric, canary=trial.canary, origin=trial.origin, bad=1)
        attempt = int(trial.detail or 0)
        if attempt < RESENDS and self._draws.uniform() < _PERSISTS:
            self._made += 1
            # On the same channel, as over a connection that is kept: that is the worst case for a false alarm.
            again = trial._replace(session=f"s{self._made}", detail=str(attempt + 1), age_ms=0, carried=False)
            self._resent.setdefault(number + 1, []).append(again)

    def _bad(self, cell: Cell, number: int, *, canary: bool, origin: Origin) -> Trial:
        self._made += 1
        return Trial(
            at_ms=int(number * self._setup.block_s * 1000),
            run_id="",
            session=f"s{self._made}",
            turn=f"t{self._made}",
            cell=cell,
            canary=canary,
            edge_canary=False,
            age_ms=int(origin is not Origin.FRESH),
            reason=EndReason.UPSTREAM_ERROR,
            detail=None,
            asked=True,
            served=False,
            stayed=cell.stream,
            broken=cell.stream,
            done=False,
            brings_results=False,
            first_token_ms=None,
            carried=origin is Origin.CARRIED,
        )

    def _add_times(self, block: Block, kind: Kind, turns: float, *, origin: Origin) -> None:
        for canary, count in self._divided(turns):
            above = self._setup.day.slower if canary and self._regression(kind).slower else _AS_STABLE
            for metric, share in zip((Metric.MEDIAN, Metric.TAIL), above, strict=True):
                bad = self._draws.hits(count, share)
                block.add(kind.cell, metric, canary=canary, origin=origin, bad=bad, count=count)

    def _regression(self, kind: Kind) -> Regression:
        regression = self._setup.regression
        return regression if regression.cell in {None, kind.cell} else NONE


def _metrics(cell: Cell) -> tuple[Metric, ...]:
    return (Metric.SUCCESS, Metric.BROKEN, Metric.DONE) if cell.stream else (Metric.SUCCESS,)


def without_outages(day: Day) -> Day:
    """The day's most common stretch, all day: detection times then do not depend on when a step begins."""
    rates = [sum(kind.fresh_bad + kind.continued_bad for kind in kinds) for kinds in day.stretches]
    middle = sorted(range(len(rates)), key=rates.__getitem__)[len(rates) // 2]
    return evolve(day, stretches=(day.stretches[middle],))
