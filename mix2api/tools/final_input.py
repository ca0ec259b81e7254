"""A call's final input against the argument text that came before it. Pure.

The site's final input decides (`tool-input-available` of the AI SDK's UI message stream). What came before is either its
beginning, and then the rest completes it, or something else, because the site repaired what its model had written.
"""

import re
from typing import Final

import msgspec

_SOLID: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*\\?"?|[^"\s]+', re.DOTALL)
"""A string, whole or cut, or anything else that is no white space."""

_COMPARED_CHARS: Final = 100_000
"""Characters of both texts in which spaces are looked past: the worst such text takes 15 ms, in one step."""


def rest_of(told: str, final: str) -> str | None:
    """What completes the text that was told, so that both together mean the final input.

    White space between tokens is no difference: models write it, and sites write their JSON without.

    Args:
        told: argument text so far, possibly cut within a token.
        final: the whole input as JSON text.

    Returns:
        Empty if nothing is missing; None if `told` is no beginning of `final`.
    """
    if final.startswith(told):
        return final[len(told) :]
    if len(told) + len(final) > _COMPARED_CHARS:
        return None
    beginning, whole = _without_spaces(told), _without_spaces(final)
    return whole[len(beginning) :] if whole.startswith(beginning) else None


def is_object(arguments: str) -> bool:
    """Whether the text is a whole JSON object, as the arguments of every call are."""
    try:
        return isinstance(msgspec.json.decode(arguments), dict)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False


def _without_spaces(text: str) -> str:
    return "".join(_SOLID.findall(text))
