"""What ends a step without any statistics: faults of our own code, and runs whose end nobody can explain."""

from collections import deque
from math import sqrt
from typing import Final

from attrs import define, field

from mix2api.release.refusals import Refusals, RefusalStop
from mix2api.release.trials import Trial
from mix2api.vocabulary import EndReason

_WINDOW_MS: Final = 600_000
_FEWEST: Final = 3
DEAD_MS: Final = 30_000
"""A process that is restarted has a heartbeat again within seconds."""
_MOST_HELD: Final = 1_000
"""Canary faults of one class that are held: the stop comes long before."""


@define
class HardStops:
    """The fold over blocks. Holds ten minutes of the canary's own faults."""

    stopped: str | None = None
    """Why, in one line for a person. The first stands; later ones change nothing."""
    _refusals: RefusalStop = field(factory=RefusalStop)
    _dead_since_ms: int | None = None
    _trials: list[int] = field(factory=lambda: [0, 0])
    """Of stable, of the canary."""
    _stable_faults: dict[str, int] = field(factory=dict)
    _canary_faults: dict[str, deque[tuple[int, int]]] = field(factory=dict)
    """Class -> moments, and how many trials the canary had had by then."""

    def take(self, trials: list[Trial], bad: list[Trial], refused: list[Refusals]) -> None:
        """Looks at a block's trials.

        Args:
            trials: all of them.
            bad: those that count as bad: a turn that a client resends five times is one fault.
            refused: requests that no run was begun for.
        """
        refusing = self._refusals.take(trials, refused)
        if refusing is not None:
            self._stop(refusing)
        for trial in trials:
            self._trials[trial.touches_canary] += 1
            if trial.touches_canary and trial.reason is EndReason.UNKNOWN:
                why = f"run {trial.run_id} of the canary ended without a known reason"
                self._stop(why)
        for trial in bad:
            if trial.reason is EndReason.ADAPTER_ERROR:
                self._take_fault(trial, trial.detail or "")

    def look(self, at_ms: int, *, canary_lives: bool) -> None:
        """Told whether any process of the canary channel shows a heartbeat."""
        if canary_lives:
            self._dead_since_ms = None
        elif self._dead_since_ms is None:
            self._dead_since_ms = at_ms
        elif at_ms - self._dead_since_ms >= DEAD_MS:
            why = f"no process of the canary channel has shown a heartbeat for {DEAD_MS // 1000} s"
            self._stop(why)

    def _take_fault(self, trial: Trial, name: str) -> None:
        if not trial.touches_canary:
            self._stable_faults[name] = self._stable_faults.get(name, 0) + 1
            return
        faults = self._canary_faults.setdefault(name, deque(maxlen=_MOST_HELD))
        faults.append((trial.at_ms, self._trials[1]))
        while faults[0][0] <= trial.at_ms - _WINDOW_MS:
            faults.popleft()
        trials = self._trials[1] - faults[0][1] + 1
        expected = trials * self._stable_faults.get(name, 0) / max(1, self._trials[0])
        if len(faults) >= _FEWEST + 4 * expected + 3 * sqrt(expected):
            self._stop(
                f"{len(faults)} turns of the canary ended in adapter_error {name} within ten minutes; "
                f"at stable's rate there would be {expected:.1f}",
            )

    def _stop(self, why: str) -> None:
        if self.stopped is None:
            self.stopped = why
