"""The ledger of waiting sessions: who is to be given one. Kept from what users said and got; the adapter is not asked."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from attrs import define, field
from invariant.exchanges import Exchange, Place, told

_AT_ONE_PLACE: Final = 8
"""As many sessions are kept for one history; more are forgotten."""


class WrongReuse(AssertionError):
    """A request was given a session though none waited for it, or none though one did."""


@define(eq=False)
class Waiting:
    """How many sessions wait at every place."""

    continued: int = 0
    fresh: int = 0
    _waiting: Counter[Place] = field(factory=Counter)
    _contested: set[Place] = field(factory=set)
    """Where a request may be passed over though a session waits; it is never given a wrong one there, either."""

    def forget(self) -> None:
        """Nobody waits."""
        self._waiting.clear()

    def judge(self, moment: Sequence[Exchange]) -> None:
        """Takes from, and puts to, what waits. Requests of one moment may see each other's changes, or not.

        Raises:
            WrongReuse: a session was continued that could not be, or one was passed over.
        """
        arriving: Counter[Place] = Counter()
        taken: Counter[Place] = Counter()
        asked: Counter[Place] = Counter()
        for exchange in moment:
            self.continued += exchange.took
            self.fresh += not exchange.took
            place, next_place = exchange.place, exchange.next_place
            if next_place is not None:
                arriving[next_place] += 1
            if place is None or exchange.is_refused_by_us:
                _check_fresh(exchange)
                continue
            if exchange.switched:
                self._contested.add(place)
            arriving[place] += exchange.put_back
            taken[place] += exchange.took
            asked[place] += 1
        for place, asking in asked.items():
            least = 0 if place in self._contested or _is_odd(place) else min(self._waiting[place], asking)
            if not least <= taken[place] <= self._waiting[place] + arriving[place]:
                raise WrongReuse(
                    f"{taken[place]} of {asking} were continued, {self._waiting[place]} waited: {told(moment)}"
                )
        for place in asked.keys() | arriving.keys():
            self._settle(place, self._waiting[place] + arriving[place] - taken[place])

    def _settle(self, place: Place, waiting: int) -> None:
        self._waiting[place] = min(waiting, _AT_ONE_PLACE)
        # Two sessions at a history with text beside calls stand in two lists each; who takes one by the one list leaves
        # an entry in the other that leads nowhere: a request may be passed over, never given a wrong one.
        if waiting > 1 and any(said.calls and said.text for said in place[1]):
            self._contested.add(place)


def _is_odd(place: Place) -> bool:
    """Whether two answers stand side by side: they are one to the adapter, and white space between them is text."""
    return any(a.role == b.role == "assistant" for a, b in pairwise(place[1]))


def _check_fresh(exchange: Exchange) -> None:
    if exchange.took:
        raise WrongReuse(f"an opening, a prefill or a wrong request was given a session: {exchange}")
