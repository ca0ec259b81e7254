"""Durations as people write them: `15m`, `24h`, `7d`."""

import argparse
import re
from typing import Final

_FORM: Final = re.compile(r"(\d{1,6})(ms|s|m|h|d)")
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str) -> int:
    """Milliseconds of a whole number with one unit; an argparse `type`.

    Raises:
        argparse.ArgumentTypeError: another form, or nothing at all (`0m`).
    """
    found = _FORM.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration like 90s, 15m, 24h or 7d")
    return int(found[1]) * _MS[found[2]]


def shown(duration: float) -> str:
    """Milliseconds in the largest unit of which there is at least one, rounded down: `5d`, `17m`, `3s`."""
    name, size = next(((name, size) for name, size in reversed(_MS.items()) if duration >= size), ("ms", 1))
    return f"{int(duration // size)}{name}"
