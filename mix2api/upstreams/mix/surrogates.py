"""Halves of characters in JSON: sites that cut their text by UTF-16 units send an emoji as two deltas of half a one.

Such a half is well-formed JSON (RFC 8259, 8.2) but no text, and no decoder of ours takes it.
"""

import re
from typing import Final

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape, or a whole pair; the group is a half alone. Other escapes match too, so that `\\\\ud83d` stays text."""

_LONGEST: Final = 65_536
"""Bytes that are looked through: that takes at most 20 ms. Halves come in deltas, which are short."""


def without_halves(payload: bytes) -> bytes:
    """The JSON text with every half replaced by U+FFFD; the same bytes if there is none, or if the text is too long."""
    if len(payload) > _LONGEST:
        return payload
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], payload)
