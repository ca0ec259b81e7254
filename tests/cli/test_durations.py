"""Durations as people write them."""

import argparse

import pytest

from mix2api.cli.durations import duration_ms, shown


@pytest.mark.parametrize(
    ("text", "ms"),
    [("250ms", 250), ("90s", 90_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000)],
)
def test_a_number_and_a_unit_are_milliseconds(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h", "0h", "1w", "24 h", "1h30m", "9999999d"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="15m, 24h or 7d"):
        duration_ms(text)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0ms"), (999, "999ms"), (1_000, "1s"), (119_000, "1m"), (86_399_999, "23h"), (86_400_000, "1d")],
)
def test_a_duration_is_shown_in_its_largest_unit(ms: int, text: str) -> None:
    assert shown(ms) == text
