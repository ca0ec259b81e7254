"""A day of traffic in numbers, to play releases on: a recorded one, or the synthetic one that is stated here."""

from typing import Final

from attrs import evolve, frozen

from mix2api.release.trials import Cell

STRETCH_S: Final = 600
"""Rates are constant for so long."""
_STRETCHES: Final = 144


@frozen(kw_only=True)
class Kind:
    """The requests of one cell within a stretch."""

    cell: Cell
    fresh: float
    """Turns that open a session, a second."""
    continued: float
    """Other turns, a second."""
    fresh_bad: float
    """Share of the fresh turns that go wrong."""
    continued_bad: float


@frozen(kw_only=True)
class Day:
    """A day."""

    stretches: tuple[tuple[Kind, ...], ...]
    """One after another, `STRETCH_S` each; after the last comes the first."""
    slower: tuple[float, float]
    """Share of a canary's first-token times above stable's median, and above its ninth decile, if each takes a fifth longer."""
    session_s: float
    """Mean age of the session of a continued turn: such turns count once their session is younger than the step."""

    @property
    def rate(self) -> float:
        """Turns a second, over the day."""
        return sum(kind.fresh + kind.continued for kinds in self.stretches for kind in kinds) / len(
            self.stretches
        )

    def at_rate(self, rate: float) -> "Day":
        """The same day with another number of turns a second."""
        factor = rate / self.rate
        return evolve(
            self,
            stretches=tuple(
                tuple(
                    evolve(kind, fresh=kind.fresh * factor, continued=kind.continued * factor)
                    for kind in kinds
                )
                for kinds in self.stretches
            ),
        )


_CELLS: Final = (
    (Cell("opencode", stream=True, tools=True), 0.4),
    (Cell("claude_code", stream=True, tools=True), 0.2),
    (Cell("codex", stream=True, tools=True), 0.15),
    (Cell("opencode", stream=True, tools=False), 0.15),
    (Cell("openai_python", stream=False, tools=False), 0.1),
)
"""Of the synthetic day, and the share of each: coding agents mostly, with title requests and a script beside them."""
_OUTAGE: Final = 60
"""The stretch in which the synthetic day's site is half away, for both channels."""
_OUTAGE_BAD: Final = 0.3
_PAUSE_S: Final = 30.0
"""Between two turns of the synthetic day."""


def synthetic(rate: float = 20.0, baseline: float = 0.005, turns: float = 5.0) -> Day:
    """The stated day: constant traffic, five cells, and one outage of ten minutes.

    Args:
        rate: turns a second.
        baseline: share of turns that go wrong outside the outage.
        turns: of a session; 1 makes every turn a fresh one.
    """

    def stretch(bad: float) -> tuple[Kind, ...]:
        return tuple(
            Kind(
                cell=cell,
                fresh=rate * part / turns,
                continued=rate * part * (1 - 1 / turns),
                fresh_bad=bad,
                continued_bad=bad,
            )
            for cell, part in _CELLS
        )

    normal, outage = stretch(baseline), stretch(_OUTAGE_BAD)
    return Day(
        stretches=tuple(outage if place == _OUTAGE else normal for place in range(_STRETCHES)),
        # Of times whose logarithm is normal with a deviation of 0.6: nine in ten within a factor of 2.7 of the median.
        slower=(0.619, 0.164),
        session_s=turns * _PAUSE_S,
    )
