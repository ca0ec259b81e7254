"""Pages of the run index: filters, words, marks, and steps."""

import pytest
from run_halves import NOW, ended_run

from mix2api.projections import run_search
from mix2api.projections.run_block import BLOCK_MS
from mix2api.projections.run_index import RunIndex
from mix2api.projections.run_search import FAILED, Mark, RunFilter, search
from mix2api.steps import at_once
from mix2api.vocabulary import Channel, EndReason


@pytest.fixture
def index() -> RunIndex:
    """Six runs over three blocks, the third of them a failure."""
    index = RunIndex(100)
    for number in range(6):
        ended_run(
            index,
            f"run_{number}",
            at_ms=NOW + number * BLOCK_MS // 2,
            end_reason=EndReason.TIMEOUT if number == 2 else EndReason.STOP,
            client="codex" if number < 2 else "opencode",
            model="mix/b" if number == 3 else "mix/a",
            channel=Channel.CANARY if number == 4 else Channel.STABLE,
            account="a" if number == 5 else None,
        )
        index.add_receipt(
            f"run_{number}", *(("error_written", "timeout") if number == 2 else ("written", "stop"))
        )
    return index


def found(index: RunIndex, **fields: object) -> str:
    """The numbers of the runs that pass, the latest first."""
    page = at_once(search(index, RunFilter(**fields), None, 100))
    assert page.total == len(page.rows)
    return "".join(row.run_id[-1] for row in page.rows)


def test_the_latest_come_first(index: RunIndex) -> None:
    assert found(index) == "543210"


def test_every_filter_takes_what_it_names_and_no_more(index: RunIndex) -> None:
    assert found(index, reasons=frozenset({"timeout"})) == "2"
    assert found(index, reasons=frozenset({FAILED})) == "2"
    assert found(index, clients=frozenset({"codex"})) == "10"
    assert found(index, models=frozenset({"mix/b"})) == "3"
    assert found(index, channels=frozenset({"canary"})) == "4"
    assert found(index, accounts=frozenset({"a"})) == "5"
    assert found(index, accounts=frozenset({"nobody"})) == ""
    assert found(index, word="run_5") == "5"
    assert found(index, word="run_", reasons=frozenset({"timeout"})) == "2"
    assert found(index, word="ses_1", clients=frozenset({"opencode"})) == ""


def test_a_time_is_cut_to_the_millisecond(index: RunIndex) -> None:
    at_ms = [NOW + number * BLOCK_MS // 2 for number in range(6)]
    assert found(index, since_ms=at_ms[1], until_ms=at_ms[4]) == "321"
    assert found(index, since_ms=at_ms[1] + 1, until_ms=at_ms[4] + 1) == "432"


def test_pages_hold_every_run_once(index: RunIndex) -> None:
    seen, after = "", None
    while True:
        page = at_once(search(index, RunFilter(), after, 2))
        assert page.total == 6
        seen += "".join(row.run_id[-1] for row in page.rows)
        if page.next is None:
            break
        after = page.next
    assert seen == "543210"


def test_a_word_that_very_many_have_is_not_counted_to_the_end(
    index: RunIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_search, "COUNTED", 2)
    page = at_once(search(index, RunFilter(word="run_"), None, 1))
    assert (page.rows[0].run_id, page.total, page.is_more) == ("run_5", 2, True)
    later = at_once(search(index, RunFilter(word="run_"), Mark(NOW + BLOCK_MS, "run_2"), 1))
    assert (later.rows[0].run_id, later.total, later.is_more) == ("run_1", 6, True)
    assert not at_once(search(index, RunFilter(), None, 1)).is_more


def test_runs_of_one_millisecond_are_paged_by_their_marks() -> None:
    index = RunIndex(100)
    for number in (3, 1, 4, 0, 2):
        ended_run(index, f"run_{number}")
    first = at_once(search(index, RunFilter(), None, 3))
    second = at_once(search(index, RunFilter(), first.next, 3))
    assert [row.run_id[-1] for row in (*first.rows, *second.rows)] == ["4", "3", "2", "1", "0"]


def test_a_long_search_is_cut_into_steps_and_a_block_may_go_meanwhile(
    index: RunIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_search, "_STEP", 1)
    steps = search(index, RunFilter(), None, 100)
    next(steps)
    index.forget_before(NOW + BLOCK_MS)
    page = at_once(steps)
    assert [row.run_id[-1] for row in page.rows] == ["5", "4", "3", "2"]
