"""The table of cases: ids, sentences, packs."""

import pytest

from mix2api.packs.case import Case, Pack, ToolForm, World
from mix2api.packs.table import CASES, cases_of


def test_every_case_has_an_id_of_its_own_that_begins_with_its_pack() -> None:
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)
    assert all(case.id.startswith(f"{case.pack}-") for case in CASES)


def test_every_pack_has_cases_and_they_are_all_of_them() -> None:
    assert sum((len(cases_of([pack])) for pack in Pack), 0) == len(CASES)
    assert all(cases_of([pack]) for pack in Pack)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_for_a_real_model_sends_no_directive(case: Case) -> None:
    world = World(model="m", demo=False, timeout_s=5, mcp_url="http://127.0.0.1:1/mcp")
    first = case.steps[0](world, ())
    assert "[[" not in str(first.body)


def test_a_case_of_one_form_of_tools_says_which() -> None:
    assert {case.tools for case in CASES} == {None, *ToolForm}
