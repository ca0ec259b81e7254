"""The table of tags, and how one is read."""

import pytest

from mix2api.tools.text.closers import UpTo
from mix2api.tools.text.tags import _ATTRIBUTED, _FIXED, _HEADS, FIRST, Mark, NoTagError, Tag, TagReader


def _read(text: str) -> Tag | None:
    reader = TagReader()
    tag = None
    for char in text:
        assert tag is None
        tag = reader.take(char)
    assert reader.text == text
    return tag


@pytest.mark.parametrize("text", _FIXED)
def test_a_tag_of_the_table_is_read_with_its_last_character(text: str) -> None:
    assert text[0] in FIRST
    assert _read(text) == _FIXED[text]
    assert _read(text[:-1]) is None


@pytest.mark.parametrize("head", _HEADS)
@pytest.mark.parametrize("written", ["a b", '"a b"', "'a b'"])
def test_a_tag_with_a_name_gives_it_without_its_quotes(head: str, written: str) -> None:
    tag = _read(f"{head}{written}>")
    assert tag is not None
    assert (tag.mark, tag.value, tag.typed) == (_HEADS[head].mark, "a b", None)


def test_a_name_in_quotes_may_hold_what_ends_a_tag() -> None:
    tag = _read('<function="a>b">')
    assert tag == Tag(Mark.FUNCTION, "a>b")


@pytest.mark.parametrize("head", _ATTRIBUTED)
@pytest.mark.parametrize("written", [" ", 'time="3"', "a=b"])
def test_a_tag_of_thought_may_have_attributes(head: str, written: str) -> None:
    assert _read(f"{head}{written}>") == _ATTRIBUTED[head]


@pytest.mark.parametrize(("said", "typed"), [("true", False), ("false", True)])
def test_an_attribute_says_whether_a_value_is_json(said: str, *, typed: bool) -> None:
    tag = _read(f'<parameter name="a" string="{said}">')
    assert tag is not None
    assert (tag.value, tag.typed) == ("a", typed)


@pytest.mark.parametrize(
    "text",
    ["<q", "<tool_calx", "x", "[x", "<function=<", "<function=\n", "<function=" + "x" * 257, "<think of it>"],
)
def test_what_is_no_tag_is_known_with_the_first_character_that_differs(text: str) -> None:
    reader = TagReader()
    for char in text[:-1]:
        reader.take(char)
    with pytest.raises(NoTagError):
        reader.take(text[-1])
    assert reader.text == text[:-1]


def test_every_closing_tag_can_be_searched_for_by_its_first_character() -> None:
    for tag in (*_FIXED.values(), *_HEADS.values()):
        assert tag.closer.count(tag.closer[:1]) == 1 or not tag.closer
        assert not UpTo(tag.closer or ">").closed
