r"""Reads a `.env` file as the earlier Node adapter's loader did, so that operators' files mean what they meant.

`NAME=value` lines, optional `export`, `#` comments, values in single, double or back quotes (which may span lines). In
double quotes `\n`, `\r` and `\"` are read; nothing is ever expanded. Unlike python-dotenv, and like Node's loader, a `#`
ends an unquoted value even without a space before it; because that surprises people, it is remarked on. ADR 29 says why
python-dotenv cannot do the same.
"""

import re
from typing import Final

from attrs import field, frozen

_HEAD: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*")
_QUOTED: Final = re.compile(
    r"""(?:'([^']*)'|`([^`]*)`|"((?:\\"|[^"])*)")[ \t]*(?:\#[^\n]*)?(?:\n|$)""",
)
_NOTHING: Final = re.compile(r"[ \t]*(?:\#.*)?")


@frozen
class DotEnv:
    """What a file says. Of a name that stands there twice the last one counts."""

    values: dict[str, str] = field(factory=dict)
    remarks: tuple[str, ...] = ()
    """One line each for what was ignored or may surprise; never with a value in it."""


def parse_dotenv(text: str) -> DotEnv:
    """Reads the text of a file. Never fails: a line that is no assignment is remarked on and ignored."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    values: dict[str, str] = {}
    remarks: list[str] = []
    at, number = 0, 1
    while at < len(lines):
        end = _end_of_line(lines, at)
        head = _HEAD.match(lines, at, end)
        stop = end
        if head is not None:
            value, stop, remark = _value(lines, head.end(), end)
            values[head[1]] = value
            if remark:
                remarks.append(f".env line {number}: {head[1]} {remark}")
        elif _NOTHING.fullmatch(lines, at, end) is None:
            remarks.append(f".env line {number} is not NAME=value and is ignored")
        number += lines.count("\n", at, stop + 1)
        at = stop + 1
    return DotEnv(values, tuple(remarks))


def _end_of_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _value(text: str, start: int, end: int) -> tuple[str, int, str]:
    """The value, the position of the line break after it, and a remark or nothing."""
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        stop = quoted.end() - 1 if quoted[0].endswith("\n") else quoted.end()
        single, back, double = quoted.groups()
        if double is None:
            return single if single is not None else back, stop, ""
        return double.replace("\\n", "\n").replace("\\r", "\r").replace('\\"', '"'), stop, ""
    raw, mark, _ = text[start:end].partition("#")
    if raw[:1] in {"'", '"', "`"}:
        return (
            text[start:end].strip(),
            end,
            "begins with a quote that is not closed: the quote counts as part of the value",
        )
    if mark and raw and not raw[-1].isspace():
        return raw.strip(), end, "is cut at the # in it: put the value in quotes if the # belongs to it"
    return raw.strip(), end, ""
