"""What a guard says of a step, as it stands in JSON and in the evidence of a rollback. Figures and ids, never any content."""

from math import log

from msgspec import Struct

from mix2api.release.comparison import Finding
from mix2api.release.guard import Guard
from mix2api.release.guard_beat import Decision
from mix2api.release.settlement import Settlement
from mix2api.release.tested import Tested
from mix2api.release.trials import Trial


class BadRun(Struct, frozen=True, kw_only=True):
    """A turn of the canary that went wrong."""

    run_id: str
    cell: str
    at_ms: int
    end_reason: str
    detail: str | None
    replay: str
    """The command that folds its log anew."""
    explain: str
    """The command that tells its story."""


class Judgement(Struct, frozen=True, kw_only=True):
    """One look of a guard."""

    decision: Decision
    why: str
    """One line for a person."""
    since_ms: int
    """When the step began, Unix milliseconds."""
    until_ms: int
    """Up to then all entries are in."""
    evidence: float
    """Of the average of all tests, in powers of ten. The guard rolls back at `needed`."""
    needed: float
    ruled_out: float
    """Evidence that the canary is not worse by `points`, in powers of ten."""
    points: float
    """Share of turns."""
    repeats: int
    """Trials that were left out: resent turns, and what came after a failure in its session."""
    unplaced: dict[str, int]
    """Channel -> runs that cannot be compared, because an older version wrote their entries."""
    unreadable: int
    tests: tuple[Tested, ...]
    """The strongest first."""
    bad_runs: tuple[BadRun, ...]
    """The last of the canary's."""


def judgement(guard: Guard, settlement: Settlement, since_ms: int, until_ms: int) -> Judgement:
    """What the guard says now."""
    verdict = guard.verdict()
    return Judgement(
        decision=verdict.decision,
        why=verdict.why,
        since_ms=since_ms,
        until_ms=until_ms,
        evidence=_powers(verdict.log_e),
        needed=_powers(-log(guard.policy.alpha)),
        ruled_out=_powers(verdict.ruled_out),
        points=guard.policy.points,
        repeats=guard.counting.independence.repeats,
        unplaced={channel.value: count for channel, count in settlement.unplaced.items()},
        unreadable=settlement.unreadable,
        tests=tuple([_figures(finding) for finding in verdict.findings]),
        bad_runs=tuple([_bad_run(trial) for trial in guard.bad_runs]),
    )


def _figures(finding: Finding) -> Tested:
    return Tested(
        scope=finding.scope,
        metric=finding.metric,
        stable=finding.stable,
        stable_bad=finding.stable_bad,
        canary=finding.canary,
        canary_bad=finding.canary_bad,
        odds=round(finding.odds, 2),
        evidence=_powers(finding.log_e),
        weight=finding.share,
    )


def _bad_run(trial: Trial) -> BadRun:
    return BadRun(
        run_id=trial.run_id,
        cell=trial.cell.word,
        at_ms=trial.at_ms,
        end_reason=trial.reason.value,
        detail=trial.detail,
        replay=f"mix2api replay {trial.run_id}",
        explain=f"mix2api explain {trial.run_id}",
    )


def _powers(natural: float) -> float:
    return round(natural / log(10), 2)
