"""Which trials may be counted as independent of those before.

A client resends a failed turn, OpenCode and Codex five times. Each attempt runs on a fresh session and fails for the same cause.
Counted singly, such rows of failures gave false alarms on a quarter of simulated days without any regression. So a session and a
turn count as bad once: after that, nothing of either counts for an hour, good or bad. How long an answer takes and how it ends is alike within a
session, even where all is well; there a session counts once.
"""

from typing import Final

from attrs import define, field

from mix2api.release.trials import Trial

_LIFE_MS: Final = 3_600_000
"""For so long at least a turn or a session is remembered: clients give a failed turn up within minutes."""
_MOST: Final = 100_000
"""Remembered in one generation, some 10 MB. A flood of failures ends it early, and is seen long before."""


@define
class Lately:
    """Words of the last hour or two, in two generations: their number does not grow with the day."""

    _began_ms: int = 0
    _new: set[str] = field(factory=set)
    _old: set[str] = field(factory=set)

    def __contains__(self, word: str | None) -> bool:
        """Whether it was added lately."""
        return word in self._new or word in self._old

    def add(self, word: str, at_ms: int) -> None:
        """Remembers a word."""
        if at_ms - self._began_ms >= _LIFE_MS or len(self._new) >= _MOST:
            self._old, self._new, self._began_ms = self._new, set(), at_ms
        self._new.add(word)


@define
class Independence:
    """Judges trials in the order in which they were settled. What it admits depends on earlier trials alone."""

    repeats: int = 0
    """Trials that were not admitted."""
    _bad_turns: Lately = field(factory=Lately)
    _bad_sessions: Lately = field(factory=Lately)
    _seen: Lately = field(factory=Lately)

    def admits(self, trial: Trial) -> bool:
        """Whether a trial counts for rates."""
        if trial.turn in self._bad_turns or trial.session in self._bad_sessions:
            self.repeats += 1
            return False
        if trial.is_bad:
            self._bad_sessions.add(trial.session, trial.at_ms)
            if trial.turn is not None:
                self._bad_turns.add(trial.turn, trial.at_ms)
        return True

    def is_first(self, trial: Trial) -> bool:
        """Whether a trial is its session's first, or its first continued one: it counts for times and for the drift."""
        word = f"{trial.session} {trial.continued:d}"
        if word in self._seen:
            return False
        self._seen.add(word, trial.at_ms)
        return True
