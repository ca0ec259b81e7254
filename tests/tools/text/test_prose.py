"""Where an enclosure may begin in ordinary text."""

import pytest

from mix2api.tools.text.pieces import Gathered, Plain
from mix2api.tools.text.prose import CODE, OPEN, Prose


def _candidates(text: str) -> list[int]:
    """Where something was taken for a candidate, each of which is then told to be none."""
    out = Gathered()
    prose = Prose(out)
    found = []
    position = 0
    while position < len(text):
        position = prose.feed(text, position)
        if prose.candidate:
            found.append(position - 1)
            prose.reject(prose.candidate)
    prose.end()
    assert out.take() == ([Plain(text)] if text else [])
    return found


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", [0]),
        ("  {", [2]),
        ("a {b} {c}", [2, 6]),
        ("a: {", [3]),
        ("好：{", [2]),  # noqa: RUF001 - Chinese prose
        ("a {b {c", [2]),
        ("a {b. {c", [2, 6]),
        ("a {b\n{c", [2, 5]),
        ("a {b,\n{c", [2]),
        ("a {b\n\n, {c", [2, 8]),
        ("a = {b} {c}", [8]),
        ("f({a: {b}}) {c}", [12]),
        ("`{a}` {", [6]),
        ("``{a`}`` {", [9]),
        ("`{a\n{", [4]),
        ("```\n{a}\n{b}\n```\n{", [4, 16]),
        ("```json {a} {b} ``` {", [8, 20]),
        ("```py\n{a}\n```\n{", [14]),
        ("````\nx ``` {a}\n```` {", [20]),
        ("a { ```py\n{``` {", [2, 15]),
        ("<a [b", [0, 3]),
        ("a ◁ < [", [4, 6]),
        (" ◁", [1]),
        ("{a <b>\n<c>", [0, 7]),
        ("`<` ```\n<[", []),
        ("```json <", []),
        ("~~~\n{a} ~~ {\n~~~ {", [17]),
        ("a ~~~ {", [6]),
        ("~~a~~ {", [6]),
        ("a {b\n~~~\n{\n~~~\n{", [2, 15]),
        ("a {b ~ c\n", [2]),
    ],
)
def test_candidates_are(text: str, where: list[int]) -> None:
    assert _candidates(text) == where


def test_what_is_held_of_an_accepted_candidate_is_not_told() -> None:
    out = Gathered()
    prose = Prose(out)
    assert prose.feed(" \n```json\n{x", 0) == len(" \n```json\n{")
    assert prose.candidate
    assert prose.fenced
    assert prose.accept() == [" \n", "`", "``", *"json\n"]
    prose.resume([], [], fenced=False)
    assert prose.feed("after", 0) == len("after")
    assert out.take() == [Plain("after")]


def test_text_is_calm_only_where_nothing_is_held() -> None:
    prose = Prose(Gathered())
    calm = []
    for text in (" ", "a", "`", "b", "`", "c\n", "```", "py\n", "d", "```", "\ne ", "{"):
        prose.feed(text, 0)
        calm.append(prose.calm)
    prose.reject("{")
    assert calm == ["", OPEN, "", "", "", OPEN, "", CODE, CODE, "", OPEN, ""]
    assert prose.calm == ""


@pytest.mark.parametrize(
    ("before", "anew"),
    [
        ("", True),
        (" \n", True),
        ("a", False),
        ("a ", False),
        ("a\n", True),
        ("a\n  ", True),
        ("a. ", True),
        ("a: ", False),
    ],
)
def test_a_tag_begins_anew_behind_a_line_or_a_sentence(before: str, *, anew: bool) -> None:
    for chunks in ([f"{before}<"], [*before, "<"]):
        prose = Prose(Gathered())
        for chunk in chunks:
            prose.feed(chunk, 0)
        assert prose.candidate == "<"
        assert prose.begins_anew is anew


def test_what_was_taken_for_something_else_flows_and_its_code_block_goes_on() -> None:
    out = Gathered()
    prose = Prose(out)
    prose.feed("```json\n{", 0)
    prose.accept()
    prose.go_on("```json\n{}", fenced=True)
    assert prose.feed("{\n```\n{", 0) == len("{\n```\n{")
    assert prose.candidate == "{"
    assert out.take() == [Plain("```json\n{}{\n```\n")]
