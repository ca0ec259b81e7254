"""Histories fall into units, and the ones that must stay are known."""

import histories

from mix2api.budget.units import Unit, UnitKind, units_of

SYSTEM = {"role": "system", "content": "be brief"}


def shape(*given: histories.Given) -> str:
    """Each unit's first letter and length, in capitals where it must stay."""
    units = units_of(histories.messages(*given))
    assert [unit.end for unit in units[:-1]] == [unit.start for unit in units[1:]]
    return " ".join(_word(unit) for unit in units)


def _word(unit: Unit) -> str:
    letter = {UnitKind.INSTRUCTIONS: "i", UnitKind.WORDS: "w", UnitKind.CHAIN: "c"}[unit.kind]
    return (letter.upper() if unit.must_stay else letter) + str(unit.end - unit.start)


def test_words_are_units_by_themselves() -> None:
    assert shape() == ""
    assert shape(histories.user()) == "W1"
    assert shape(SYSTEM, SYSTEM, histories.user(), histories.answer(), histories.user()) == "I1 I1 w1 w1 W1"
    assert shape(histories.user(), SYSTEM) == "W1 w1"


def test_calls_and_all_their_results_are_one_unit() -> None:
    chain = [histories.calling("{}", "{}"), histories.result(call_id="call_1"), histories.result()]
    assert shape(histories.user(), *chain) == "W1 C3"
    assert shape(histories.user(), *chain, histories.answer()) == "W1 c3 w1"
    assert shape(histories.user(), *chain, *chain) == "W1 c3 C3"


def test_what_stands_between_a_call_and_its_result_belongs_to_the_chain() -> None:
    between = [histories.answer("wait"), SYSTEM]
    assert (
        shape(histories.user(), histories.calling("{}"), *between, histories.result(), SYSTEM) == "W1 C4 w1"
    )
    late = [histories.calling("{}"), histories.calling("{}"), histories.result(), histories.result()]
    assert shape(histories.user(), *late) == "W1 C4"


def test_a_chain_is_open_until_the_assistant_says_something() -> None:
    chain = [histories.calling("{}"), histories.result()]
    assert shape(histories.user(), *chain, histories.user("a reminder")) == "w1 C2 W1"
    assert shape(histories.user(), *chain, histories.answer(""), histories.user()) == "w1 C2 w1 W1"
    assert shape(histories.user(), *chain, histories.answer("done"), histories.user()) == "w1 c2 w1 W1"


def test_legacy_calls_have_their_results_too() -> None:
    called = histories.answer(None, function_call={"name": "f", "arguments": "{}"})
    answered = {"role": "function", "name": "f", "content": "x"}
    assert shape(histories.user(), called, answered) == "W1 C2"


def test_a_chain_never_reaches_over_a_user_s_message() -> None:
    assert shape(histories.calling("{}"), histories.user(), histories.result()) == "c1 W1 C1"
    assert shape(histories.result(), histories.result(), histories.answer("x")) == "c2 w1"
