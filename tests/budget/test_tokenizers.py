"""Exact counts are tiktoken's, for every text; nothing makes counting fail."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabularies import exact, reference

from mix2api.budget.encodings import FORMS, EncodingName
from mix2api.budget.tokenizers import EstimatingTokenizer, ExactTokenizer, marked

WORDS = [
    "a",
    "B",
    "é",
    "中",
    "foo",
    "Bar",
    "LL",
    "'s",
    "'LL",
    "0",
    "12",
    "1234",
    "!",
    "/",
    "...",
    "_",
    "👍",
    "\u200b",
]
SPACES = [" ", "  ", "   ", "\n", "\r", "\r\n", "\t", "\x0b", "\xa0", "\u2003", "\u3000", "\x1c", "\x85"]
CAPTURES = sorted((Path(__file__).parent.parent / "data" / "captures").glob("*.json"))


def texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts(each)]


@pytest.mark.parametrize("name", EncodingName)
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_text_of_a_capture_is_counted_as_tiktoken_counts_it(path: Path, name: EncodingName) -> None:
    found = texts(json.loads(path.read_text()))
    assert found
    for text in (*found, path.read_text()):
        assert exact(name).count(text) == reference(text, name)


def test_known_texts_have_known_counts() -> None:
    assert exact().count("") == 0
    assert exact().count("hello world") == 2
    assert exact().count("<|endoftext|>") == 7
    assert exact(EncodingName.CL100K_BASE).count("hello world") == 2
    assert exact().name == "o200k_base"


def test_half_a_surrogate_pair_is_counted_all_the_same() -> None:
    assert exact().count("a\ud800b") > 0
    assert EstimatingTokenizer().count("a\ud800b") > 0


@pytest.mark.parametrize("character", [" ", "\t", "\u3000", "\n", "a", "😀"])
def test_a_million_of_one_character_never_panics(character: str) -> None:
    tokenizer = exact()
    assert tokenizer.count(character * 1_000_000) > 0
    assert tokenizer.panics == 0


def test_a_million_spaces_have_the_tokens_that_half_of_them_have_twice() -> None:
    assert exact().count(" " * 6144 * 160) == 160 * reference(" " * 6144)


class PanicException(BaseException):
    """As Rust's panics come to Python."""


class Panicking:
    """An encoder that cannot stand an x."""

    def encode_ordinary(self, text: str, /) -> list[int]:
        if "x" in text:
            raise PanicException
        return [0] * len(text)


def test_a_panic_is_counted_and_the_text_estimated() -> None:
    tokenizer = ExactTokenizer(EncodingName.O200K_BASE, Panicking())
    assert tokenizer.count("aaa") == 3
    assert tokenizer.count("xyz") == EstimatingTokenizer().count("xyz")
    assert tokenizer.panics == 1


class Interrupted:
    """An encoder during which ^C is pressed."""

    def encode_ordinary(self, text: str, /) -> list[int]:
        raise KeyboardInterrupt(text)


def test_nothing_but_a_panic_is_caught() -> None:
    with pytest.raises(KeyboardInterrupt):
        ExactTokenizer(EncodingName.O200K_BASE, Interrupted()).count("x")


def test_the_periods_that_are_remembered_are_bounded() -> None:
    class Lengths:
        def encode_ordinary(self, text: str, /) -> list[int]:
            return [0] * len(text)

    tokenizer = ExactTokenizer(EncodingName.O200K_BASE, Lengths())
    tokenizer._periods.update({chr(0x4E00 + place): 1 for place in range(4096)})
    assert tokenizer.count("!" * 100_000) == 100_000
    assert len(tokenizer._periods) == 1
    assert tokenizer.count("!" * 100_000) == 100_000


@pytest.mark.parametrize(
    ("text", "with_marks"),
    [
        ("a b", "a b"),
        ("a  b", "a 0 b"),
        ("a    b  ", "a   0 b  "),
        ("a  \n  b", "a  \n 0 b"),
        ("a\n b", "a\n b"),
        ("é  b\t\tc", "é 0 b\t0\tc"),
        ("a\n\t\tb", "a\n\t0\tb"),
        ("a \x1c b", "a \x1c b"),
    ],
)
def test_a_mark_stands_before_the_last_of_several_spaces(text: str, with_marks: str) -> None:
    assert marked(text) == (with_marks, with_marks.count("0"))


@pytest.mark.parametrize("name", EncodingName)
def test_no_pattern_looks_ahead_or_is_possessive(name: EncodingName) -> None:
    assert not any(sign in FORMS[name].counted for sign in ("(?!", "(?=", "(?<", "++", "?+", "*+", ",3}+"))


# Six times as many as of another property: spaces differ in what they join. `make properties` tries more still.
@settings(max_examples=max(300, settings().max_examples))
@given(parts=st.lists(st.sampled_from(WORDS + SPACES), max_size=24))
def test_spaces_of_every_kind_between_anything_are_counted_as_tiktoken_counts_them(parts: list[str]) -> None:
    text = "".join(parts)
    for name in EncodingName:
        assert exact(name).count(text) == reference(text, name)
