"""Text up to a closing tag, however it is cut."""

import pytest

from mix2api.tools.text.closers import UpTo


def _read(chunks: list[str]) -> tuple[str, str, bool]:
    """The text before the tag, the text behind it, and whether it came."""
    up_to = UpTo("</a>")
    before, behind = "", ""
    for chunk in chunks:
        position = 0
        while position < len(chunk) and not up_to.closed:
            part, position = up_to.feed(chunk, position)
            before += part
        behind += chunk[position:]
    return before + up_to.end(), behind, up_to.closed


@pytest.mark.parametrize(
    ("text", "comes"),
    [
        ("x</a>y", ("x", "y", True)),
        ("</a>", ("", "", True)),
        ("x</b></</a></a>", ("x</b></", "</a>", True)),
        ("x<<</a>", ("x<<", "", True)),
        ("x</", ("x</", "", False)),
        ("x", ("x", "", False)),
    ],
)
def test_the_text_before_a_tag_is_given_whole(text: str, comes: tuple[str, str, bool]) -> None:
    assert _read([text]) == _read(list(text)) == comes
    for place in range(len(text) + 1):
        assert _read([text[:place], text[place:]]) == comes


def test_text_before_a_tag_flows_at_once() -> None:
    up_to = UpTo("</a>")
    assert up_to.feed("x y <", 0) == ("x y ", 5)
    assert up_to.feed("b", 0) == ("<", 0)


def test_a_tag_in_another_case_ends_the_text_where_that_is_wished() -> None:
    up_to = UpTo("</Think>", any_case=True)
    assert up_to.feed("x</tHINK>y", 0) == ("x", 2)
    assert up_to.feed("x</tHINK>y", 2) == ("", 9)
    assert (up_to.closed, up_to.met) == (True, "</tHINK>")
    strict = UpTo("</a>")
    strict.feed("</A>", 0)
    assert strict.feed("</A>", 1) == ("<", 1)
