"""Which account is chosen: the smallest priority number, then smooth weighted round robin (as nginx does it). Pure.

The store's script (`mix2api.store.choice_script`) makes the same choice for all processes together. This one serves a
process whose store does not answer, and says in the tests what the script has to do.
"""

from collections.abc import Sequence

from attrs import define, field, frozen


@frozen
class Candidate:
    """An account that could be chosen."""

    id: str
    weight: int
    priority: int


@define(eq=False)
class SmoothChoice:
    """Chooses each candidate as often as its weight says, spread evenly: exact over every sum of weights."""

    _current: dict[str, int] = field(factory=dict, init=False)

    def choose(self, candidates: Sequence[Candidate]) -> str | None:
        """The account that comes next; None if there is no candidate."""
        if not candidates:
            return None
        first = min(candidate.priority for candidate in candidates)
        eligible = [candidate for candidate in candidates if candidate.priority == first]
        for candidate in eligible:
            self._current[candidate.id] = self._current.get(candidate.id, 0) + candidate.weight
        chosen = max(eligible, key=lambda candidate: self._current[candidate.id])
        self._current[chosen.id] -= sum(candidate.weight for candidate in eligible)
        return chosen.id
