"""The corpus, whole and character by character: what comes of a text does not depend on how it came."""

import pytest
from tool_texts import Case, corpus, recognised

_CASES = corpus()


def _named(case: Case) -> str:
    return case.says


def test_the_corpus_is_large_and_names_are_unique() -> None:
    assert len(_CASES) >= 150
    assert len({case.says for case in _CASES}) == len(_CASES)


@pytest.mark.parametrize("case", _CASES, ids=_named)
def test_a_whole_text_gives_what_the_corpus_says(case: Case) -> None:
    assert recognised([case.site]) == case.gives


@pytest.mark.parametrize("case", _CASES, ids=_named)
def test_a_text_gives_the_same_character_by_character(case: Case) -> None:
    assert recognised(list(case.site)) == case.gives
