"""How far a site's own counts of input differ from ours, by model: a factor for budgets. Pure.

A site may use another vocabulary, or add instructions of its own. Its reported usage tells. The factor is the ratio of the sums of
reported and counted tokens. Old observations fade, and a few count little: one odd report must not halve a budget.
"""

from typing import Final

from attrs import define, field, frozen

LEAST, MOST = 0.5, 2.0
"""Bounds of a factor: beyond them a report is more likely wrong than our count."""
_FADES: Final = 0.98
"""Weight of what was seen so far at each new observation: some 50 observations are remembered."""
_TRUST: Final = 4096.0
"""Tokens: an unseen agreement that every model begins with."""
_FEWEST: Final = 32
"""Tokens: of a shorter input the frame says more than the text."""
_MODELS: Final = 1024
"""Models remembered; the one without an observation for longest goes."""


@frozen(kw_only=True)
class InputObservation:
    """One run of which both counts are known."""

    model: str
    """As the log has it: the configured name, else a digest."""
    counted: int
    """Tokens by our count, of what went up, held and new."""
    reported: int
    """`prompt_tokens` as the site gave them."""


@define
class _Sums:
    counted: float = _TRUST
    reported: float = _TRUST
    observations: int = 0


@frozen(kw_only=True)
class Correction:
    """What is known of one model."""

    factor: float = 1.0
    """Reported / counted, from 0.5 to 2."""
    observations: int = 0


@define
class Corrections:
    """The fold: `apply` for each observation in order, `of` at any time. Changed in place."""

    _sums: dict[str, _Sums] = field(factory=dict, init=False)

    def apply(self, seen: InputObservation) -> None:
        """Adds one observation; one that says nothing changes nothing."""
        if seen.counted < _FEWEST or seen.reported <= 0:
            return
        sums = self._sums.pop(seen.model, None) or _Sums()
        reported = min(max(seen.reported, LEAST * seen.counted), MOST * seen.counted)
        sums.counted = sums.counted * _FADES + seen.counted
        sums.reported = sums.reported * _FADES + reported
        sums.observations += 1
        self._sums[seen.model] = sums
        if len(self._sums) > _MODELS:
            del self._sums[next(iter(self._sums))]

    def of(self, model: str) -> Correction:
        """The correction of a model; 1.0 where nothing was seen."""
        sums = self._sums.get(model)
        if sums is None:
            return Correction()
        return Correction(factor=sums.reported / sums.counted, observations=sums.observations)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were seen."""
        return tuple(self._sums)
