"""Who and why, as one line each."""

import pytest

from mix2api.release.reasons import line_of


def test_the_spaces_around_a_line_are_taken_away() -> None:
    assert line_of("  it breaks streams ", 17) == "it breaks streams"


@pytest.mark.parametrize("text", ["", "   ", "two\nlines", "a\x1b[31m", "eighteen chars now"])
def test_what_is_no_printable_line_of_that_length_is_none(text: str) -> None:
    assert line_of(text, 17) is None
