"""Exact counts are tiktoken's, for every text; nothing makes counting fail."""

import json
from pathlib import Path

import pytest
from vocabularies import exact, reference

from mix2api.budget.encodings import EncodingName
from mix2api.budget.tokenizers import EstimatingTokenizer, ExactTokenizer

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
