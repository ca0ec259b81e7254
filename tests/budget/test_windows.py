"""Texts are cut where the cut changes no count, and nothing that tiktoken is given is long."""

import base64
import hashlib
import re
import unicodedata

import pytest

from mix2api.budget.encodings import EncodingName
from mix2api.budget.windows import _BORDER, _LETTERS, WINDOW, windows

BOTH = list(EncodingName)
PROSE = (
    "The budget of a model is counted in tokens; it's 2,048 here.\n\n  - one (1/2)\n\tx = f'{y}'  # why?\n"
)
CHINESE = "机器学习模型的上下文窗口很大\uff0c请注意。「引用」2024年\uff01"
BASE64 = base64.b64encode(b"".join(hashlib.sha256(bytes([place])).digest() for place in range(256))).decode()

LONG = {
    "prose": PROSE * 1500,
    "chinese": CHINESE * 6000,
    "base64": BASE64 * 20,
    "json": '{"a": [1, 2.5, "x\\ny"], "bé": null}, ' * 4000,
    "spaces in prose": ("word" + " " * 70_000 + "next\n") * 3,
    "tabs": "\t" * 200_000 + "x",
    "newlines after a stop": "end." + "\n" * 150_000 + "  x",
    "spaces and then a newline": " " * 100_000 + "\n" + " " * 90_000,
    "russian": "Привет, как дела? Это предложение на русском языке без цифр. " * 800,
    "arabic": "هذا نص عربي طويل بدون أرقام " * 1500,
    "hindi": "यह एक लंबा हिंदी वाक्य है जिसमें अंक नहीं हैं " * 900,
    "french": "Où êtes-vous allé cet été, élève zélé ? " * 1200,
    "one letter": "see " + "a" * 300_000 + "b c",
    "digits": "1" * 200_001 + "a",
    "emoji": "😀" * 100_000 + " ok",
    "ruler": "x\n" + "=" * 140_000 + "\nx",
    "ideographic spaces": "\u3000" * 100_000 + "好",
    "runs side by side": "a" * 80_000
    + "B" * 80_000
    + " " * 80_000
    + "!" * 80_000
    + "\n" * 80_000
    + "1" * 80_000,
}


def test_the_windows_of_a_text_without_long_runs_are_the_text() -> None:
    for text in (LONG["prose"], LONG["chinese"], LONG["base64"], "", "x", "\ud800" * 70_000):
        assert (
            "".join(window.text for window in windows(text) if window.run is None) == text or "\ud800" in text
        )


def test_no_window_is_much_longer_than_a_window() -> None:
    for text in LONG.values():
        assert max(len(window.text) for window in windows(text)) <= 2 * WINDOW


OTHER = ["a", "Z", "9", "\u00e9", "\u0436", "\u0643", "\u0e01", "\u0915", "\u3041", "\u4e2d", "\uac00"]
ENDS = frozenset("LN")


def test_a_border_never_stands_before_what_may_belong_to_the_letter_or_digit_before_it() -> None:
    claimed = 0
    for before in OTHER:
        for code in (*range(0xD800), *range(0xE000, 0x11000), *range(0x1F300, 0x1FB00)):
            after = chr(code)
            if _BORDER.match(before + after) is None:
                continue
            claimed += 1
            kind = unicodedata.category(after)[0]
            assert after not in "'\u2019"
            assert kind != "M"
            assert kind not in ENDS or (kind == "N") != before.isdigit(), (before, after)
    assert claimed > 1000


def test_all_that_is_taken_for_a_letter_is_one() -> None:
    letter = re.compile(f"[{_LETTERS}]")
    found = [character for code in range(0xD800) if letter.match(character := chr(code))]
    assert len(found) > 30_000
    assert {unicodedata.category(character)[0] for character in found} == {"L"}


HARD = {"two letters": "ab" * 100_000, "two spaces": " \t" * 100_000, "emoji": "😀👍🎉" * 40_000}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD.keys())
def test_a_run_without_a_border_is_cut_hard_and_loses_nothing(text: str) -> None:
    found = list(windows(text))
    assert "".join(window.text for window in found) == text
    assert 0 < sum(window.is_hard for window in found) <= len(text) // WINDOW


@pytest.mark.parametrize("character", [" ", "\t", "a", "😀", "\u3000", "\n"])
def test_a_million_of_one_character_is_a_few_short_windows(character: str) -> None:
    assert sum(len(window.text) for window in windows(character * 1_000_000)) <= WINDOW
