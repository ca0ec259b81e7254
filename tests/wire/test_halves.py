"""Halves of characters in JSON text."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.wire.halves import _A_STEP, half_steps, with_characters, without_halves

_UNITS = st.sampled_from(
    [r"\ud83d", r"\ude00", r"\uD83D", r"\uDE00", r"\\", r"\n", r"\u4e2d", "a", "u", "d83d", "\u4e2d"]
)


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        (rb'"a\ud83d ok"', rb'"a\ufffd ok"'),
        (rb'"\ude00"', rb'"\ufffd"'),
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\uD83D\uDE00\ud83d"', rb'"\uD83D\uDE00\ufffd"'),
        (rb'"\ud83d\ud83d\ude00\ude00"', rb'"\ufffd\ud83d\ude00\ufffd"'),
        (rb'"\ud83d","\ude00"', rb'"\ufffd","\ufffd"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d\\ude00"', rb'"\\\ufffd\\ude00"'),
        (rb'"\ud83d\\ude00"', rb'"\ufffd\\ude00"'),
        (b'"no escape"', b'"no escape"'),
    ],
)
def test_only_halves_are_replaced(given: bytes, mended: bytes) -> None:
    assert without_halves(given) == mended


@given(st.lists(_UNITS).map("".join))
def test_what_python_reads_with_halves_msgspec_reads_without_them(inside: str) -> None:
    text = f'"{inside}"'.encode()
    read = json.loads(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert msgspec.json.decode(without_halves(text)) == read


def test_text_without_halves_is_not_copied() -> None:
    text = rb'"\ud83d\ude00"'
    assert without_halves(text) is text


def test_many_halves_are_mended_in_steps() -> None:
    assert len(list(half_steps(rb"\ud83d" * (2 * _A_STEP)))) == 2


def test_more_halves_than_one_step_takes_are_not_mended_at_once() -> None:
    text = rb"\ud83d" * _A_STEP
    assert without_halves(text) == rb"\ufffd" * _A_STEP
    assert without_halves(text + rb"\uD83d") == text + rb"\uD83d"


def test_surrogates_in_bytes_are_characters_or_replaced() -> None:
    assert with_characters(b"\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\xbd!") == "\U0001f600 \ufffd!".encode()
    with pytest.raises(UnicodeDecodeError):
        with_characters(b"\xff")
