"""Which tool loops closed: the answer's calls came back as results, and the run that brought them ended well.

A loop is a run that ended in `tool_calls`. Runs are told in any order; calls are known by the digests of their ids. A turn that
is sent again brings the same results once more: a loop is open or closed, it never counts twice.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Final

from attrs import define, field, frozen

from mix2api.vocabulary import SUCCESSES, EndReason

_CLIENT_S_DOING: Final = frozenset({EndReason.CLIENT_ABORT, EndReason.SUPERSEDED})


@frozen(kw_only=True)
class LoopFigures:
    """What is counted of loops."""

    tool_loops: int = 0
    """Runs that ended in `tool_calls`, but for those whose results a run brought that the client itself broke off."""
    tool_loops_returned: int = 0
    """Of these: all results came back."""
    tool_loops_closed: int = 0
    """Of these: a run that brought them ended well, for every result."""
    tool_loops_abandoned: int = 0
    """Of all loops: no result has come back. The client is at work still, or never returns; nothing is known to be broken."""

    def __add__(self, other: "LoopFigures") -> "LoopFigures":
        """Both together."""
        return LoopFigures(
            tool_loops=self.tool_loops + other.tool_loops,
            tool_loops_returned=self.tool_loops_returned + other.tool_loops_returned,
            tool_loops_closed=self.tool_loops_closed + other.tool_loops_closed,
            tool_loops_abandoned=self.tool_loops_abandoned + other.tool_loops_abandoned,
        )

    @property
    def closure(self) -> float | None:
        """The share that closed of the loops whose client came back. None: there are none."""
        came_back = self.tool_loops - self.tool_loops_abandoned
        return self.tool_loops_closed / came_back if came_back else None


@define
class ToolLoops:
    """Loops under way. Changed in place, as the tally is that holds it."""

    _asked: list[tuple[Hashable, tuple[str, ...]]] = field(factory=list, init=False)
    _returned: set[str] = field(factory=set, init=False)
    _closed: set[str] = field(factory=set, init=False)
    _left: set[str] = field(factory=set, init=False)

    def add_calls(self, group: Hashable, calls: tuple[str, ...]) -> None:
        """A run of that group ended with these calls."""
        if calls:
            self._asked.append((group, calls))

    def add_results(self, calls: Iterable[str], end_reason: EndReason | None) -> None:
        """A run brought results of these calls. `end_reason` is None while it runs."""
        for call in calls:
            self._returned.add(call)
            if end_reason in SUCCESSES:
                self._closed.add(call)
            elif end_reason in _CLIENT_S_DOING:
                self._left.add(call)

    def figures(self) -> Mapping[Hashable, LoopFigures]:
        """By group; groups without loops are not in it."""
        found: dict[Hashable, LoopFigures] = {}
        for group, calls in self._asked:
            found[group] = found.get(group, LoopFigures()) + self._of(calls)
        return found

    def _of(self, calls: tuple[str, ...]) -> LoopFigures:
        open_calls = [call for call in calls if call not in self._closed]
        if open_calls and self._left.issuperset(open_calls):
            return LoopFigures()
        return LoopFigures(
            tool_loops=1,
            tool_loops_returned=self._returned.issuperset(calls),
            tool_loops_closed=not open_calls,
            tool_loops_abandoned=self._returned.isdisjoint(calls),
        )
