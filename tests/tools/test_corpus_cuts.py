"""The corpus, cut: what comes of a text does not depend on how it came. Some 100,000 readings, run without coverage."""

import pytest
from tool_texts import Case, corpus, recognised

_CASES = corpus()


def _named(case: Case) -> str:
    return case.says


@pytest.mark.parametrize("case", _CASES, ids=_named)
def test_a_text_gives_the_same_cut_at_every_place(case: Case) -> None:
    for place in range(len(case.site) + 1):
        assert recognised([case.site[:place], case.site[place:]]) == case.gives, place
