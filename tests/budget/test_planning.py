"""One turn from its size to what goes up: nothing over the budget, and nothing cut that must stay."""

import histories
import pytest
from attrs import evolve
from budget.conversations import conversations
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.decision import Allowance, Fit
from mix2api.budget.fates import TrimReason
from mix2api.budget.message_tokens import MessageCounter
from mix2api.budget.planning import Plan, Planner, TurnSize
from mix2api.budget.summary import HEADING, SummaryBounds
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.budget.trimming import TrimOptions
from mix2api.budget.units import units_of
from mix2api.errors import ContextLengthExceeded
from mix2api.tools.results import check_results
from mix2api.wire.turn import Message

COUNTER = MessageCounter(EstimatingTokenizer())
PLANNER = Planner(
    model="m", allowance=Allowance(reserved=100, available=1000), factor=1.0, options=TrimOptions()
)
FIXED = 10


def size_of(messages: list[Message], held: int | None = None, new: int = 0) -> TurnSize:
    return TurnSize(messages=tuple(map(COUNTER.message, messages)), fixed=FIXED, held=held, new=new)


def planned(
    messages: list[Message], planner: Planner = PLANNER, held: int | None = None, new: int = 0
) -> Plan:
    return planner.plan(messages, size_of(messages, held, new), COUNTER.message)


SHORT = histories.messages(histories.user("hello"), histories.answer(), histories.user())
OLD = [histories.user("old " * 1500), histories.answer("old " * 1500)]
LONG = histories.messages(*OLD, histories.user("new"))


def test_a_session_is_continued_while_held_and_new_fit() -> None:
    plan = planned(SHORT, held=900, new=100)
    assert (plan.verdict.fit, plan.messages, plan.used, plan.tokens) == (Fit.CONTINUE, None, 1000, 1000)


def test_a_fresh_session_gets_the_whole_history_if_it_fits() -> None:
    plan = planned(SHORT)
    assert plan.messages is SHORT
    assert plan.used == plan.tokens == FIXED + COUNTER.history(SHORT)
    assert not plan.verdict.rolled_over


def test_a_session_that_is_full_is_left_for_a_fresh_one() -> None:
    plan = planned(SHORT, held=950, new=100)
    assert plan.messages is SHORT
    assert plan.verdict.rolled_over


def test_a_history_that_is_too_long_is_trimmed_and_its_summary_stands_among_it() -> None:
    plan = planned(
        LONG, evolve(PLANNER, options=TrimOptions(summary=SummaryBounds(), message_max_chars=9000))
    )
    assert plan.messages is not None
    assert plan.withheld == {TrimReason.RECENT: 2}
    assert [message.role for message in plan.messages] == ["system", "user"]
    assert str(plan.messages[0].content).startswith(HEADING)
    assert plan.tokens == FIXED + COUNTER.history(plan.messages)


def test_what_cannot_fit_is_refused() -> None:
    messages = histories.messages(histories.user("new " * 2000))
    with pytest.raises(
        ContextLengthExceeded, match=r"needs \d+ tokens .* 'm' has room for 1000 \(100 are reserved"
    ):
        planned(messages)


def test_a_site_that_counts_more_has_less_room() -> None:
    plan = planned(LONG, evolve(PLANNER, factor=2.0))
    assert plan.used == 2 * plan.tokens <= 1000
    assert planned(SHORT, evolve(PLANNER, factor=2.0), held=400, new=101).verdict.rolled_over
    assert planned(SHORT, evolve(PLANNER, factor=0.5), held=1500, new=500).verdict.fit is Fit.CONTINUE


@given(
    conversations(),
    st.integers(50, 3000),
    st.sampled_from([0.5, 0.9, 1.0, 1.37, 2.0]),
    st.none() | st.integers(0, 3000),
    st.booleans(),
)
def test_what_goes_up_is_within_the_budget_and_has_all_that_must_stay(
    messages: list[Message],
    available: int,
    factor: float,
    held: int | None,
    sums_up: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    options = TrimOptions(summary=SummaryBounds() if sums_up else None)
    planner = Planner(
        model="m", allowance=Allowance(reserved=9, available=available), factor=factor, options=options
    )
    must = [
        message
        for unit in units_of(messages)
        if unit.must_stay
        for message in messages[unit.start : unit.end]
    ]
    try:
        plan = planned(messages, planner, held, 50)
    except ContextLengthExceeded:
        assert FIXED + COUNTER.history(must) > int(available / factor)
        return
    assert plan.used <= available
    if plan.messages is None:
        assert held is not None
        return
    check_results(plan.messages)
    assert plan.tokens == FIXED + COUNTER.history(plan.messages)
    kept = set(map(id, plan.messages))
    assert all(id(message) in kept for message in must)


def test_what_is_over_a_guessed_limit_goes_up_as_short_as_it_can_be() -> None:
    newest = histories.messages(*OLD, histories.user("new " * 1500))
    needed = FIXED + COUNTER.message(newest[-1])
    guess = evolve(PLANNER, allowance=Allowance(reserved=100, available=1000, most=needed))
    assert planned(newest, guess).used == needed
    with pytest.raises(ContextLengthExceeded):
        planned(newest, evolve(guess, allowance=Allowance(reserved=100, available=1000, most=needed - 1)))
