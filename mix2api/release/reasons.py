"""Who and why: each is one line, because the history of a release is read on a screen, a line an event."""

from typing import Final

WHO_CHARS: Final = 64
WHY_CHARS: Final = 500


def line_of(text: str, most: int) -> str | None:
    """The line without the spaces around it. None: it is not one printable line of 1 to `most` characters."""
    line = text.strip()
    return line if 0 < len(line) <= most and line.isprintable() else None
