"""The texts of a graph's faults: each kind has one in both languages, and both fill the same places."""

from string import Formatter

import pytest

from mix2api.conversations.fault_texts import CHINESE, ENGLISH, FAULT_TEXTS, FaultKind


def places(text: str) -> set[str]:
    """The names of the places in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_each_kind_has_a_text_once() -> None:
    kinds = [kind for kind, _, _ in FAULT_TEXTS]
    assert sorted(kinds) == sorted(FaultKind)


@pytest.mark.parametrize("kind", FaultKind)
def test_both_languages_fill_the_same_places(kind: FaultKind) -> None:
    assert ENGLISH[kind].strip()
    assert CHINESE[kind].strip()
    assert places(ENGLISH[kind]) == places(CHINESE[kind])
