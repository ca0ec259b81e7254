"""In which line of a TOML file a mistake stands: parsers of values do not tell. Pure."""

import re
import tomllib
from typing import Final

from mix2api.budget.profile_reading import Mistake

_HEADER: Final = re.compile(r"\s*\[(?!\[)")
_TABLES: Final = "models"


def line_of(text: str, mistake: Mistake) -> int:
    """The line, from 1: the field's if it is found, else the profile's, else 1.

    Found is what stands as usual, a `[header]` and `key = value` lines below it. Other forms that TOML has for the same
    (dotted keys, inline tables) give the first line that begins with the profile's name.
    """
    lines = text.splitlines()
    header = next((place for place, line in enumerate(lines) if _names(line) == mistake.model), None)
    if header is None:
        begins = re.compile(rf"\s*[\"']?{re.escape(mistake.model)}[\"']?\s*[.=]")
        return next((place for place, line in enumerate(lines) if begins.match(line)), 0) + 1
    for place in range(header + 1, len(lines)):
        if _HEADER.match(lines[place]):
            break
        if mistake.key and _key(lines[place]) == mistake.key:
            return place + 1
    return header + 1


def _names(line: str) -> str | None:
    """The profile that a header's line begins; None for another line."""
    if not _HEADER.match(line):
        return None
    try:
        said = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    name = next(iter(said))
    inner = said[name]
    return next(iter(inner)) if name == _TABLES and inner else name


def _key(line: str) -> str:
    return line.partition("=")[0].strip().strip("\"'")
