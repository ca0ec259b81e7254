"""The choice: priority first, then by weight, exactly and evenly."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mix2api.accounts.choice import Candidate, SmoothChoice


def test_nobody_is_chosen_of_nobody() -> None:
    assert SmoothChoice().choose([]) is None


def test_ten_thousand_choices_are_exact_by_weight() -> None:
    choice = SmoothChoice()
    weights = {"a": 1, "b": 2, "c": 7}
    candidates = [Candidate(name, weight, 0) for name, weight in weights.items()]
    assert Counter(choice.choose(candidates) for _ in range(10_000)) == {"a": 1000, "b": 2000, "c": 7000}


def test_a_lower_priority_waits_until_nobody_else_is_there() -> None:
    choice = SmoothChoice()
    first, second = Candidate("a", 1, 0), Candidate("b", 100, 1)
    assert {choice.choose([first, second]) for _ in range(10)} == {"a"}
    assert choice.choose([second]) == "b"


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_one_round_chooses_each_as_often_as_its_weight(weights: list[int]) -> None:
    choice = SmoothChoice()
    candidates = [Candidate(str(at), weight, 0) for at, weight in enumerate(weights)]
    for _ in range(2):
        chosen = Counter(choice.choose(candidates) for _ in range(sum(weights)))
        assert chosen == {str(at): weight for at, weight in enumerate(weights)}
