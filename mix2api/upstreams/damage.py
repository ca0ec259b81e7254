"""What of a site's JSON may be damaged without costing the answer: deep nesting in what is only attached to it. Pure."""

import re
from typing import Final

import msgspec

NOT_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for anything but well-formed JSON of the wanted types, endless nesting included."""

_DEEPEST: Final = 32
"""Levels that are kept: metadata has two or three. The decoder itself gives up at some 900."""
_LONGEST: Final = 49_152
"""Bytes that are looked through: that takes at most 16 ms. A longer frame with deep nesting is refused as it is."""
_BRACKETS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def without_depths(payload: bytes) -> bytes:
    """JSON with `null` in place of every value that is nested deeper than metadata ever is; else the same bytes."""
    if len(payload) > _LONGEST:
        return payload
    depth, kept, resume = 0, [], 0
    for found in _BRACKETS.finditer(payload):
        bracket = payload[found.start()]
        if bracket in b"[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept += [payload[resume : found.start()], b"null"]
        elif bracket in b"]}":
            if depth == _DEEPEST + 1:
                resume = found.end()
            depth -= 1
    if depth or not kept:
        return payload
    return b"".join([*kept, payload[resume:]])
