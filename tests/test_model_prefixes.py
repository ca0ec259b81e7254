"""What belongs to a model by its prefix: the longest prefix decides."""

from mix2api.model_prefixes import ByPrefix


def test_the_longest_prefix_decides_and_an_empty_one_takes_the_rest() -> None:
    things = ByPrefix({"": 0, "a/": 1, "a/b": 2})
    assert [things.of(model) for model in ("x", "a/x", "a/bx", "a")] == [0, 1, 2, 0]


def test_a_model_without_a_prefix_has_nothing() -> None:
    assert ByPrefix({"a/": 1}).of("b") is None
