"""Where an enclosure may begin in ordinary text."""

import pytest

from mix2api.tools.text.pieces import Gathered, Plain
from mix2api.tools.text.prose import Prose


def _candidates(text: str) -> list[int]:
    """Where braces were taken for candidates, each of which is then told to be none."""
    out = Gathered()
    prose = Prose(out)
    found = []
    position = 0
    while position < len(text):
        position = prose.feed(text, position)
        if prose.candidate:
            found.append(position - 1)
            prose.reject("{")
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
    ],
)
def test_candidates_are(text: str, where: list[int]) -> None:
    assert _candidates(text) == where


def test_what_is_held_of_an_accepted_candidate_is_not_told() -> None:
    out = Gathered()
    prose = Prose(out)
    assert prose.feed(" \n```json\n{x", 0) == len(" \n```json\n{")
    assert prose.candidate
    assert prose.accept()
    prose.resume("", fenced=False)
    assert prose.feed("after", 0) == len("after")
    assert out.take() == [Plain("after")]


def test_text_is_calm_only_where_nothing_is_held() -> None:
    prose = Prose(Gathered())
    calm = []
    for text in (" ", "a", "`", "b", "`", "c\n", "```", "py\n", "d", "```", "\ne ", "{"):
        prose.feed(text, 0)
        calm.append(prose.calm)
    prose.reject("{")
    assert calm == ["", "{`", "", "", "", "{`", "", "`", "`", "", "{`", ""]
    assert prose.calm == ""
