r"""Halves of characters in JSON: a surrogate (`\ud83d`) without its other one, well-formed but no text (RFC 8259, 8.2).

Programs that cut text by UTF-16 units write them: a shell's output cut at a length, a model's answer cut into deltas. No
decoder of ours takes one, so it becomes U+FFFD, as in every browser (WHATWG Encoding, "UTF-8 decode").
"""

import re
from typing import Final

from mix2api.steps import Steps, at_once

REPLACEMENT: Final = rb"\ufffd"
_UNIT: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""The escape of a surrogate, or the end of an escaped backslash with the letters behind it."""
_HIGH: Final = frozenset(b"89abAB")
"""The fourth byte of a high surrogate's escape; others are low."""
_A_STEP: Final = 8_192
"""Escapes that are looked at in one step, some 10 ms."""


def without_halves(payload: bytes) -> bytes:
    """The JSON text with every half replaced by U+FFFD, at once.

    The same bytes if there is none, or if there are more than one step can take.
    """
    if payload.count(b"\\ud") + payload.count(b"\\uD") > _A_STEP:
        return payload
    return at_once(half_steps(payload))


def half_steps(payload: bytes) -> Steps[bytes]:
    """The same in steps, for any number of halves. Linear: what lies between two escapes is looked at once."""
    kept: list[bytes] = []
    copied = seen = 0
    high: int | None = None
    for number, found in enumerate(_UNIT.finditer(payload), 1):
        start, end = found.span()
        between = payload[seen:start]
        is_escape = not (len(between) - len(between.rstrip(b"\\"))) % 2
        is_high = is_escape and payload[start + 3] in _HIGH
        is_pair = high is not None and is_escape and not is_high and not between
        if high is not None and not is_pair:
            kept += [payload[copied:high], REPLACEMENT]
            copied = seen
        if is_escape and not is_high and not is_pair:
            kept += [payload[copied:start], REPLACEMENT]
            copied = end
        high = start if is_high else None
        seen = end
        if number % _A_STEP == 0:
            yield
    if high is not None:
        kept += [payload[copied:high], REPLACEMENT]
        copied = seen
    return b"".join([*kept, payload[copied:]]) if kept else payload


def with_characters(text: bytes) -> bytes:
    """Bytes that would be UTF-8 but for surrogates in it: pairs become their character, halves U+FFFD.

    Raises:
        UnicodeDecodeError: they are not UTF-8 for another reason.
    """
    return paired(text.decode("utf-8", "surrogatepass")).encode()


def paired(text: str) -> str:
    """The text with a character for each pair of surrogates in it, and U+FFFD for every half."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
