"""A history is made to fit: what must stay stays, calls keep their results, and each message that went has its reason."""

from functools import partial

import histories
import pytest
from budget.conversations import conversations
from counted import calls_of
from hypothesis import given
from hypothesis import strategies as st
from vocabularies import exact

from mix2api.budget.fates import SHORTENINGS, TrimReason
from mix2api.budget.message_tokens import MessageCounter
from mix2api.budget.summary import HEADING, SummaryBounds
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.budget.trimming import TrimBudget, Trimmed, TrimOptions, trim
from mix2api.budget.units import units_of
from mix2api.tools.results import check_results
from mix2api.wire.turn import Message

COUNTER = MessageCounter(EstimatingTokenizer())
OPTIONS = TrimOptions()


def trimmed(
    messages: list[Message], available: int, options: TrimOptions = OPTIONS, counter: MessageCounter = COUNTER
) -> Trimmed:
    tokens = [counter.message(message) for message in messages]
    return trim(messages, tokens, TrimBudget(available=available, fixed=10), options, counter.message)


def needed(messages: list[Message]) -> list[Message]:
    return [
        message
        for unit in units_of(messages)
        if unit.must_stay
        for message in messages[unit.start : unit.end]
    ]


_options = st.builds(
    TrimOptions,
    recent_messages=st.integers(0, 12),
    message_max_chars=st.sampled_from([1, 50, 400, 1200]),
    headroom=st.sampled_from([0.0, 0.2, 0.9]),
    summary=st.none() | st.builds(SummaryBounds, max_chars=st.integers(1, 700), max_lines=st.integers(1, 10)),
)


@given(conversations(), st.integers(20, 4000), _options)
def test_what_must_stay_stays_and_calls_keep_their_results(
    messages: list[Message], available: int, options: TrimOptions
) -> None:
    check_results(messages)
    made = trimmed(messages, available, options)
    check_results(made.messages)
    kept = [id(message) for message in made.messages]
    assert all(id(message) in kept for message in needed(messages))
    assert made.tokens == 10 + COUNTER.history(made.messages) + (
        0 if made.summary is None else COUNTER.message(Message(role="system", content=made.summary))
    )
    assert made.fits == (made.tokens <= available)
    must = 10 + COUNTER.history(needed(messages))
    assert made.fits == (must <= available)


@given(conversations(), st.integers(20, 4000), _options)
def test_every_message_stays_in_its_place_or_has_a_reason(
    messages: list[Message], available: int, options: TrimOptions
) -> None:
    made = trimmed(messages, available, options)
    fates = {fate.place: fate for fate in made.fates}
    assert [fate.place for fate in made.fates] == sorted(fates)
    assert sum(made.withheld.values()) == len(fates)
    left = iter(made.messages)
    for place, message in enumerate(messages):
        fate = fates.get(place)
        if fate is None:
            assert next(left) is message
        elif fate.reason in SHORTENINGS:
            shorter = next(left)
            assert (shorter.role, shorter.tool_call_id) == (message.role, message.tool_call_id)
            assert shorter.tool_calls == message.tool_calls
            assert COUNTER.message(shorter) == fate.tokens_after < fate.tokens_before
        else:
            assert fate.tokens_after == 0
    assert next(left, None) is None


@given(conversations(), st.integers(20, 4000), _options)
def test_trimming_is_deterministic_and_leaves_the_headroom(
    messages: list[Message], available: int, options: TrimOptions
) -> None:
    made = trimmed(messages, available, options)
    assert made == trimmed(messages, available, options)
    must = 10 + COUNTER.history(needed(messages))
    if made.fates:
        assert made.tokens <= max(must, int(available * (1 - options.headroom)))


def test_a_history_that_fits_is_left_alone() -> None:
    messages = histories.messages(histories.user("hello"), histories.answer(), histories.user())
    made = trimmed(messages, 1000)
    assert made.messages is messages
    assert (made.fits, made.fates, made.withheld) == (True, (), {})


LONG = "some words of an old result, " * 100


def agent(rounds: int) -> list[Message]:
    given: list[histories.Given] = [{"role": "system", "content": "be brief"}, histories.user("the task")]
    for place in range(rounds):
        call = histories.call(call_id=f"call_{place}")
        given += [histories.answer(None, tool_calls=[call]), histories.result(LONG, f"call_{place}")]
        given.append(histories.answer(f"I have read part {place}"))
    return histories.messages(*given, histories.user("go on"))


@pytest.mark.parametrize(
    ("available", "reasons"),
    [
        (5000, {TrimReason.OLD_RESULT_SHORTENED}),
        (2500, {TrimReason.OLD_RESULT_SHORTENED, TrimReason.OLD_CHAIN}),
        (1810, {TrimReason.OLD_CHAIN, TrimReason.OLD_WORDS}),
        (900, {TrimReason.OLD_CHAIN, TrimReason.OLD_WORDS, TrimReason.RECENT_SHORTENED}),
        (100, {TrimReason.OLD_CHAIN, TrimReason.OLD_WORDS, TrimReason.RECENT}),
    ],
)
def test_old_results_go_before_old_words_and_these_before_recent_ones(
    available: int, reasons: set[TrimReason]
) -> None:
    made = trimmed(agent(8), available)
    assert made.fits
    assert set(made.withheld) == reasons


def test_the_oldest_go_first() -> None:
    made = trimmed(agent(8), 2500)
    gone = [fate.place for fate in made.fates if fate.reason is TrimReason.OLD_CHAIN]
    kept = [fate.place for fate in made.fates if fate.reason is TrimReason.OLD_RESULT_SHORTENED]
    assert max(gone) < min(kept)


def test_old_long_words_are_shortened_before_any_go() -> None:
    given = [histories.user("the task"), *(histories.answer(LONG + str(place)) for place in range(6))]
    messages = histories.messages(*given, *[histories.user("yes")] * 6)
    made = trimmed(messages, 3800)
    assert set(made.withheld) == {TrimReason.OLD_WORDS_SHORTENED}


def test_what_does_not_fit_is_said_not_to() -> None:
    messages = histories.messages(histories.user("old"), histories.answer(), histories.user(LONG))
    made = trimmed(messages, 50)
    assert not made.fits
    assert made.messages == messages[-1:]
    assert made.tokens == 10 + COUNTER.message(messages[-1])


def test_a_summary_stands_behind_the_instructions_and_within_the_budget() -> None:
    options = TrimOptions(summary=SummaryBounds())
    made = trimmed(agent(8), 1000, options)
    assert made.summary is not None
    assert made.summary.startswith(f"{HEADING}\n- user: the task\n")
    assert made.summary_place == 1
    assert made.tokens <= 800


def test_a_summary_that_does_not_fit_is_left_out() -> None:
    given = [histories.user("old " * 50), histories.answer("x"), histories.user("new " * 100)]
    made = trimmed(histories.messages(*given), 140, TrimOptions(summary=SummaryBounds()))
    assert made.fits
    assert made.summary is None


def test_results_of_a_chain_are_shortened_and_its_words_are_not() -> None:
    call = histories.call()
    given = [histories.user("a"), histories.answer(LONG, tool_calls=[call]), histories.result(LONG, "call_1")]
    messages = histories.messages(*given, histories.answer("x"), *[histories.user("yes")] * 6)
    made = trimmed(messages, 1400)
    assert [fate.place for fate in made.fates] == [2]


def test_exact_counts_are_kept_to_as_well() -> None:
    counter = MessageCounter(exact())
    made = trimmed(agent(30), 2000, OPTIONS, counter)
    assert counter.history(made.messages) + 10 == made.tokens <= 1600


def test_twice_the_history_takes_twice_the_work() -> None:
    small, large = agent(200), agent(400)
    options = TrimOptions(summary=SummaryBounds())
    for available in (50, 5000):
        work = [calls_of(partial(trimmed, each, available, options)) for each in (small, large)]
        assert work[1] <= 2.1 * work[0]
