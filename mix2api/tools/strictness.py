"""Whether calls in a text were written strictly, as valid JSON: then the site holds exactly what the client got. Pure."""

import json
import re
from typing import Any, Final

_ENVELOPE: Final = re.compile(r'\{\s*"tool_calls?"\s*:')
_DECODER: Final = json.JSONDecoder()
_JUDGED_CHARS: Final = 1_000_000
"""Characters of an answer that are judged: the worst JSON of that length takes the decoder some 20 ms, in one call."""


def strict_calls(text: str) -> int:
    """How many calls stand in the text as valid JSON; none in one that is too long to be judged.

    Linear in the text: what was decoded is not looked at again.
    """
    if len(text) > _JUDGED_CHARS:
        return 0
    count = 0
    found = _ENVELOPE.search(text)
    while found is not None:
        try:
            envelope, end = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            return count  # what follows is inside a broken envelope, or behind it
        count += _calls_in(envelope)
        found = _ENVELOPE.search(text, end)
    return count


def _calls_in(envelope: dict[str, Any]) -> int:
    calls = envelope.get("tool_calls")
    return len(calls) if isinstance(calls, list) else 1
