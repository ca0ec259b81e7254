"""The state machine that hypothesis drives: what may happen to a crowd, and how often."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from invariant.crowd import CROWD, Crowd
from invariant.sayings import Style
from invariant.users import IMAGES, OPENINGS, Deed, Move
from invariant.wishes import WISHES, Kind

_DEEDS: Final = [*Deed, *[Deed.TALK] * 14, *[Deed.TWICE, Deed.COPY, Deed.FORK, Deed.OTHER_GATEWAY] * 2]
"""Conversations have to become long before they can be mixed up."""
_GOOD: Final = [wish for wish, kind in WISHES.items() if kind is Kind.GOOD]
_WISHES: Final = [*WISHES, *[""] * 10, *_GOOD]
_CALAMITIES: Final = [*["restart"] * 2, *["forget"] * 6, "empty", *["name"] * 10, *["nothing"] * 3]

_PLACES: Final = st.integers(0, 11)
_MOVES: Final = st.builds(
    Move,
    who=st.integers(0, CROWD - 1),
    deed=st.sampled_from(_DEEDS),
    words=st.integers(0, len(OPENINGS) - 1),
    marked=st.booleans(),
    wish=st.sampled_from(_WISHES),
    image=st.sampled_from([0] * 6 + list(range(1, len(IMAGES) + 1))),
    place=_PLACES,
    style=st.sampled_from(Style),
    stream=st.booleans(),
)
_NEXT_TURNS: Final = st.builds(
    Move,
    who=st.integers(0, CROWD - 1),
    deed=st.just(Deed.TALK),
    words=st.integers(0, len(OPENINGS) - 1),
    wish=st.sampled_from(_GOOD),
    place=_PLACES,
    style=st.sampled_from(Style),
)


class CrowdMachine(RuleBasedStateMachine):
    """One crowd's story. To be run in a thread of trio's: the crowd lives in trio's own."""

    make: ClassVar[Callable[[], Crowd]]
    on_end: ClassVar[Callable[[Crowd], None]]
    faults: ClassVar[list[AssertionError]]
    """What failed, first things first: what hypothesis repeats need not fail again, where requests race."""

    def __init__(self) -> None:
        super().__init__()
        self.crowd = trio.from_thread.run_sync(self.make)

    @rule(move=_MOVES)
    def one_acts(self, move: Move) -> None:
        self._let_act([move])

    @rule(moves=st.lists(_MOVES, min_size=2, max_size=6, unique_by=lambda move: move.who))
    def several_act_at_once(self, moves: list[Move]) -> None:
        self._let_act(moves)

    @rule(moves=st.lists(_NEXT_TURNS, min_size=2, max_size=4, unique_by=lambda move: move.who))
    def some_go_on(self, moves: list[Move]) -> None:
        self._let_act(moves)

    @rule(place=st.integers(0, 1000), what=st.sampled_from(_CALAMITIES))
    def something_goes_wrong(self, place: int, what: str) -> None:
        if what == "restart":
            trio.from_thread.run(self.crowd.renew_processes)
        elif what == "forget":
            trio.from_thread.run_sync(self.crowd.forget, place)
        elif what == "empty":
            trio.from_thread.run_sync(self.crowd.empty_store)
        elif what == "name":
            self._judged(self.crowd.name_a_session, place)

    def _let_act(self, moves: list[Move]) -> None:
        self._judged(self.crowd.moment, moves)

    def _judged(self, act: Callable[..., Awaitable[None]], *given: Any) -> None:
        try:
            trio.from_thread.run(act, *given)
        except AssertionError as fault:
            self.faults.append(fault)
            raise

    def teardown(self) -> None:
        self.on_end(self.crowd)


def machine(
    make: Callable[[], Crowd], on_end: Callable[[Crowd], None], faults: list[AssertionError]
) -> type[CrowdMachine]:
    """A machine whose examples each have a new crowd.

    Args:
        make: a crowd; called in trio's own thread.
        on_end: told of every crowd that came to its end.
        faults: takes what the judges find.
    """
    own = {"make": staticmethod(make), "on_end": staticmethod(on_end), "faults": faults}
    return type("OneTrial", (CrowdMachine,), own)
