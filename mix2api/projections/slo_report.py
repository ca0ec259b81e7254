"""Service levels: percentages of the fold, their targets, burn rates, and the drift between release channels."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from math import sqrt
from operator import add
from typing import Final

from attrs import define, field, frozen

from mix2api.projections.slo import MINUTE_MS, Cell, SloFold
from mix2api.projections.slo_counts import Count, outcome
from mix2api.vocabulary import Channel

DAY_MINUTES: Final = 24 * 60
BURNS: Final = {"5m": 5, "1h": 60}
"""Name -> minutes of the windows of burn rates."""
DRIFT_LIMIT: Final = 0.05
_CONFIDENCE: Final = 1.96
"""Standard errors: 95 of 100 intervals hold the true difference."""
ALL: Final = "all"


class Verdict(StrEnum):
    """What can be said of one objective."""

    OK = "ok"
    BREACH = "breach"
    UNSURE = "unsure"
    """Too little traffic to say."""
    NOTHING = "nothing"
    """There was nothing to measure."""


@frozen(kw_only=True)
class Objective:
    """A service level: a share of good events of all."""

    name: str
    good: Count
    of: Count
    target: float
    is_inverted: bool = False
    """`good` counts the bad ones."""


OBJECTIVES: Final = (
    Objective(name="success", good=Count.SERVED, of=Count.ASKED, target=0.99),
    Objective(name="loop_closure", good=Count.CLOSED, of=Count.LOOPS, target=0.97),
    Objective(name="unbroken_streams", good=Count.BROKEN, of=Count.STAYED, target=0.995, is_inverted=True),
    Objective(name="done", good=Count.DONE, of=Count.STAYED, target=0.995),
    Objective(name="attribution", good=Count.UNKNOWN, of=Count.ENDED, target=0.99, is_inverted=True),
)


@frozen(kw_only=True)
class Level:
    """One objective of one client."""

    name: str
    client: str
    """A `ClientName`, or `all`."""
    good: int
    total: int
    share: float | None
    """None: there was nothing to measure."""
    target: float
    verdict: Verdict
    burn: dict[str, float | None]
    """Window -> by how much the errors of that window exceed what the target allows; 1 spends the day's budget in a day."""


@frozen(kw_only=True)
class Drift:
    """By how much the shares of one `end_reason` differ between the channels."""

    end_reason: str
    """The one that differs most."""
    difference: float
    least: float
    """The bounds of the difference, with 95 % confidence."""
    most: float
    verdict: Verdict


@frozen(kw_only=True)
class SloReport:
    """All of it."""

    levels: tuple[Level, ...]
    drift: Drift | None
    """None: only one channel had traffic."""
    client_faults: int
    """Requests that failed by their client's fault. They are in no denominator."""

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        verdicts = {level.verdict for level in self.levels}
        if self.drift is not None:
            verdicts.add(self.drift.verdict)
        for worst in (Verdict.BREACH, Verdict.UNSURE, Verdict.OK):
            if worst in verdicts:
                return worst
        return Verdict.NOTHING


@define
class _Sum:
    """Of cells."""

    counts: list[int] = field(factory=lambda: [0] * len(Count))
    endings: Counter[str] = field(factory=Counter)
    """Runs by their ending, as in a cell. They are judged when all cells are added: that is once for each word."""

    def add(self, cell: "Cell | _Sum") -> None:
        """Adds a cell, or another sum."""
        self.counts[:] = map(add, self.counts, cell.counts)
        for word, runs in cell.endings.items():
            self.endings[word] += runs

    def settled(self) -> list[int]:
        """The counts, with those that the endings raise."""
        counts = [*self.counts]
        for word, runs in self.endings.items():
            for place in outcome(word)[1]:
                counts[place] += runs
        return counts

    def reasons(self) -> Counter[str]:
        """Runs by what their client was told, for the drift between channels."""
        told: Counter[str] = Counter()
        for word, runs in self.endings.items():
            told[outcome(word)[0]] += runs
        return told


_Sums = dict[str, _Sum]
"""By the window's name."""
_DAY: Final = "day"


def report(fold: SloFold, now_ms: int, channel: Channel | None = None) -> SloReport:
    """The service levels of the day before `now_ms`.

    Args:
        fold: told all entries of that day.
        now_ms: on the store's clock.
        channel: counts that one alone. The drift is always between both.
    """
    owners = _by_owner(fold, now_ms)
    rows: dict[str, _Sums] = {}
    reasons: dict[str, Counter[str]] = {}
    for (client, on), sums in owners.items():
        reasons.setdefault(on, Counter()).update(sums[_DAY].reasons())
        if channel is None or on == channel.value:
            for row in (ALL, client):
                _add(rows.setdefault(row, {}), sums)
    counted = {
        row: {window: each.settled() for window, each in rows[row].items()}
        for row in sorted(rows, key=lambda row: (row != ALL, row))
    }
    everything = counted.get(ALL, {}).get(_DAY, [0] * len(Count))
    return SloReport(
        levels=tuple(_level(each, row, windows) for row, windows in counted.items() for each in OBJECTIVES),
        drift=_drift(reasons),
        client_faults=everything[Count.CLIENT_FAULTS],
    )


def _by_owner(fold: SloFold, now_ms: int) -> dict[tuple[str, str], _Sums]:
    """The sums of each client on each channel. A day has 1,440 cells of each, so nothing is judged here."""
    owners: dict[tuple[str, str], _Sums] = {}
    now = now_ms // MINUTE_MS
    for key, cell in fold.settled():
        minute, client, on = key.split(" ")
        age = now - int(minute)
        if age >= DAY_MINUTES:
            continue
        sums = owners.get((client, on))
        if sums is None:
            sums = owners[client, on] = {window: _Sum() for window in (_DAY, *BURNS)}
        sums[_DAY].add(cell)
        for window, minutes in BURNS.items():
            if age < minutes:
                sums[window].add(cell)
    return owners


def _add(row: _Sums, sums: _Sums) -> None:
    for window, each in sums.items():
        row.setdefault(window, _Sum()).add(each)


def _level(objective: Objective, client: str, windows: dict[str, list[int]]) -> Level:
    good, total = _counted(objective, windows[_DAY])
    share = good / total if total else None
    verdict = Verdict.NOTHING
    if share is not None:
        verdict = Verdict.OK if share >= objective.target else Verdict.BREACH
    return Level(
        name=objective.name,
        client=client,
        good=good,
        total=total,
        share=share,
        target=objective.target,
        verdict=verdict,
        burn={name: _burn(objective, windows[name]) for name in BURNS},
    )


def _counted(objective: Objective, counts: list[int]) -> tuple[int, int]:
    total, good = counts[objective.of], counts[objective.good]
    return (total - good if objective.is_inverted else good), total


def _burn(objective: Objective, counts: list[int]) -> float | None:
    good, total = _counted(objective, counts)
    return (total - good) / total / (1 - objective.target) if total else None


def _drift(reasons: dict[str, Counter[str]]) -> Drift | None:
    stable, canary = (reasons.get(channel.value, Counter()) for channel in (Channel.STABLE, Channel.CANARY))
    if not stable or not canary:
        return None
    return max(_drifts(stable, canary), key=lambda drift: (drift.least, drift.most))


def _drifts(stable: Counter[str], canary: Counter[str]) -> Iterable[Drift]:
    of_stable, of_canary = stable.total(), canary.total()
    for reason in sorted(stable | canary):
        # One event is added to each side (Agresti and Caffo): shares of 0 and 1 of a few runs are not certain.
        before = (stable[reason] + 1) / (of_stable + 2)
        after = (canary[reason] + 1) / (of_canary + 2)
        error = sqrt(before * (1 - before) / (of_stable + 2) + after * (1 - after) / (of_canary + 2))
        difference = abs(canary[reason] / of_canary - stable[reason] / of_stable)
        reach = _CONFIDENCE * error
        shrunk = abs(after - before)
        yield Drift(
            end_reason=reason,
            difference=difference,
            least=max(0.0, shrunk - reach),
            most=min(1.0, shrunk + reach),
            verdict=_drift_verdict(max(0.0, shrunk - reach), shrunk + reach),
        )


def _drift_verdict(least: float, most: float) -> Verdict:
    if least > DRIFT_LIMIT:
        return Verdict.BREACH
    return Verdict.OK if most <= DRIFT_LIMIT else Verdict.UNSURE
