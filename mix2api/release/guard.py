"""The guard's fold: blocks of trials in, a verdict out. Deterministic: a log that is read anew gives the same verdict.

It rolls back when the average of all tests reaches 1/alpha, or at a hard stop. It lets go on when the canary has served so many
turns so well that a regression of the points asked for is as unlikely as `beta`. Else it waits.
"""

from math import log
from typing import Final

from attrs import define, evolve, field, frozen

from mix2api.release.acquittal import Acquittal
from mix2api.release.block import Block, Counting
from mix2api.release.comparison import Comparison, Finding
from mix2api.release.guard_beat import Decision
from mix2api.release.hard_stops import HardStops
from mix2api.release.refusals import Refusals
from mix2api.release.sequential import log_weighted
from mix2api.release.trials import Metric, Trial

WORKERS: Final = 0.9
"""Weight of the tests by worker, where most of a candidate's code runs."""
_SUSPECT: Final = log(20)
"""Of the average: evidence that is no finding, and with which nobody should go on."""
_KEPT_BAD: Final = 50
"""Bad turns of the canary whose ids are kept as evidence: more than a person opens."""


@frozen(kw_only=True)
class Policy:
    """How sure the guard has to be."""

    alpha: float = 0.001
    """Of a false alarm, over all tests and a whole day."""
    beta: float = 0.05
    """Of going on though the canary is worse by `points`."""
    points: float = 0.05
    """The regression of the success rate that must be ruled out before a step: 0.05 is five points."""


@frozen(kw_only=True)
class Verdict:
    """What the guard says of a step."""

    decision: Decision
    why: str
    """One line for a person."""
    log_e: float
    """Natural logarithm of the average of all tests."""
    ruled_out: float
    """Natural logarithm of the evidence that the canary is not worse by the policy's points."""
    findings: tuple[Finding, ...]
    """All tests, the strongest first."""


@define
class Guard:
    """The fold of one step.

    Args:
        policy: how sure it has to be.
    """

    policy: Policy
    counting: Counting = field(factory=Counting)
    workers: Comparison = field(factory=Comparison)
    edges: Comparison = field(factory=Comparison)
    """The same tests by the channel of the edge: a load balancer sends a candidate's edge what it likes."""
    stops: HardStops = field(factory=HardStops)
    bad_runs: list[Trial] = field(factory=list)
    """The canary's last bad turns."""
    alarm: str | None = None
    """Why it rolls back. Once it stands it stands."""
    _acquittal: Acquittal = field(init=False)

    @_acquittal.default
    def _begin(self) -> Acquittal:
        return Acquittal(self.policy.points)

    def prepare(self, trials: list[Trial]) -> None:
        """Learns stable's rate and times from what was settled before the step. Nothing is tested on it."""
        block = self.counting.count([trial for trial in trials if not trial.touches_canary])
        if (None, Metric.SUCCESS) in block.counts:
            self._acquittal.take(block.tables((None, Metric.SUCCESS)))

    def take(self, trials: list[Trial], refused: list[Refusals] | None = None) -> None:
        """Takes the trials of the next block in (`mix2api.release.block.BLOCK_MS`), and what was refused meanwhile."""
        block = self.counting.count(trials)
        self.workers.take(block)
        self.edges.take(block.edges or Block())
        if (None, Metric.SUCCESS) in block.counts:
            self._acquittal.take(block.tables((None, Metric.SUCCESS)))
        self.stops.take(trials, block.bad, refused or [])
        self.bad_runs = [*self.bad_runs, *[trial for trial in block.bad if trial.touches_canary]][-_KEPT_BAD:]
        if self.alarm is None:
            self.alarm = self._alarm()

    @property
    def log_value(self) -> float:
        """Natural logarithm of the average of all tests."""
        return log_weighted([(WORKERS, self.workers.log_value), (1 - WORKERS, self.edges.log_value)])

    def verdict(self) -> Verdict:
        """What it says now."""
        decision, why = self._decision()
        return Verdict(
            decision=decision,
            why=why,
            log_e=self.log_value,
            ruled_out=self._acquittal.log_value,
            findings=tuple(self._findings()),
        )

    def _findings(self) -> list[Finding]:
        """All tests, those with the most weighted evidence first."""
        found = [evolve(each, share=each.share * WORKERS) for each in self.workers.findings()]
        found += [
            evolve(each, scope=f"{each.scope} by edge", share=each.share * (1 - WORKERS))
            for each in self.edges.findings()
        ]
        return sorted(found, key=lambda each: -log_weighted([(each.share, each.log_e)]))

    def _alarm(self) -> str | None:
        if self.stops.stopped is not None:
            return self.stops.stopped
        if self.log_value < -log(self.policy.alpha):
            return None
        worst = self._findings()[0]
        return (
            f"{worst.metric} of {worst.scope}: {worst.canary_bad} of {worst.canary} on the canary, "
            f"{worst.stable_bad} of {worst.stable} on stable"
        )

    def _decision(self) -> tuple[Decision, str]:
        if self.alarm is None:
            self.alarm = self._alarm()
        if self.alarm is not None:
            return Decision.ROLL_BACK, self.alarm
        points = f"{100 * self.policy.points:g} points"
        if self.log_value > _SUSPECT:
            return Decision.WAIT, "the canary looks worse, and it is not certain"
        if self._acquittal.log_value < -log(self.policy.beta):
            return Decision.WAIT, f"a regression of {points} is not ruled out yet"
        return Decision.GO_ON, f"a regression of {points} is ruled out"
