"""The order of the rules: what a request says, and what is done about it."""

import pytest
from histories import Given, answer, lineage, result, user

from mix2api.sessions.resolution import (
    ContinueIssued,
    ContinueNamed,
    MakeFresh,
    Plan,
    Reason,
    Reuse,
    SessionWords,
    TakeWaiting,
    name_of,
    plan,
)
from mix2api.vocabulary import Digest, SessionId

NAME = Digest("a" * 32)
KEY = Digest("b" * 32)
ISSUED = SessionId("ses_0001abcdefghijklmnopqrstuv_0123456789abcdef")

BOUND = {Reuse.LINEAGE: NAME, Reuse.KEY: KEY}
"""What a fresh session takes over: a name that is never looked up would lead the next request back to the old one."""

OPENING = [user()]
CONTINUED = [user(), answer(), user()]
PREFILL = [user(), answer("so, ")]
ORPHANED = [user(), result()]
AT = lineage(*CONTINUED).at or Digest("")


@pytest.mark.parametrize("history", [OPENING, CONTINUED, PREFILL])
@pytest.mark.parametrize("reuse", Reuse)
def test_new_beats_everything(history: list[Given], reuse: Reuse) -> None:
    words = SessionWords(new=True, issued=ISSUED, name=NAME, key=KEY)
    assert plan(words, lineage(*history), reuse) == MakeFresh(Reason.ASKED_NEW, BOUND[reuse])


@pytest.mark.parametrize(
    ("words", "bound", "said"),
    [
        (SessionWords(), None, ()),
        (SessionWords(issued=ISSUED), None, (ISSUED,)),
        (SessionWords(name=NAME), NAME, (NAME,)),
        (SessionWords(key=KEY), KEY, (KEY,)),
        (SessionWords(issued=ISSUED, name=NAME, key=KEY), NAME, (NAME, ISSUED)),
    ],
)
def test_a_history_beats_names_which_go_to_the_session_that_it_finds(
    words: SessionWords, bound: Digest | None, said: tuple[str, ...]
) -> None:
    assert plan(words, lineage(*CONTINUED), Reuse.LINEAGE) == TakeWaiting(AT, bound, said)


@pytest.mark.parametrize("reuse", Reuse)
def test_an_answer_that_was_begun_for_the_site_is_made_fresh(reuse: Reuse) -> None:
    words = SessionWords(issued=ISSUED, name=NAME, key=KEY)
    assert plan(words, lineage(*PREFILL), reuse) == MakeFresh(Reason.PREFILL, BOUND[reuse])


def test_results_without_an_answer_before_them_are_made_fresh() -> None:
    words = SessionWords(name=NAME)
    assert plan(words, lineage(*ORPHANED), Reuse.LINEAGE) == MakeFresh(Reason.NO_MATCH, NAME)


@pytest.mark.parametrize(
    ("words", "planned"),
    [
        (SessionWords(), MakeFresh(Reason.NO_HISTORY)),
        (SessionWords(issued=ISSUED), ContinueIssued(ISSUED)),
        (SessionWords(issued=ISSUED, name=NAME), ContinueIssued(ISSUED)),
        (SessionWords(name=NAME), ContinueNamed(NAME, Reason.NAMED)),
        (SessionWords(name=NAME, key=KEY), ContinueNamed(NAME, Reason.NAMED)),
        (SessionWords(key=KEY), ContinueNamed(KEY, Reason.NAMED)),
    ],
)
def test_without_a_history_the_callers_word_counts(words: SessionWords, planned: Plan) -> None:
    assert plan(words, lineage(*OPENING), Reuse.LINEAGE) == planned


@pytest.mark.parametrize("history", [OPENING, CONTINUED, ORPHANED])
def test_with_key_reuse_the_key_has_one_session_whatever_the_history(history: list[Given]) -> None:
    words = SessionWords(issued=ISSUED, name=NAME, key=KEY)
    assert plan(words, lineage(*history), Reuse.KEY) == ContinueNamed(KEY, Reason.KEY)


@pytest.mark.parametrize(
    ("planned", "name"),
    [
        (MakeFresh(Reason.ASKED_NEW, NAME), NAME),
        (MakeFresh(Reason.NO_HISTORY), None),
        (TakeWaiting(AT, NAME), NAME),
        (ContinueNamed(NAME, Reason.NAMED), NAME),
        (ContinueIssued(ISSUED), None),
    ],
)
def test_the_name_goes_to_whichever_session_runs_the_turn(planned: Plan, name: Digest | None) -> None:
    assert name_of(planned) == name


@pytest.mark.parametrize(
    "words", [SessionWords(name=NAME), SessionWords(issued=ISSUED), SessionWords(key=KEY)]
)
def test_a_compacted_history_goes_to_no_session_whatever_it_is_called(words: SessionWords) -> None:
    planned = plan(words, lineage(*OPENING), Reuse.LINEAGE, compacted=True)
    assert planned == MakeFresh(Reason.COMPACTED, words.name or words.key)
