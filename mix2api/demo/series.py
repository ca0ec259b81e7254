"""Several calls of one tool, where the words list several things for it: "read a.txt and b.txt". Pure.

A list is a thing that the arguments have, and further things of the same form right behind it, joined by commas or "and".
Three forms count: quoted words, paths and addresses, names with a capital. Other words are never split: "cats and dogs"
may be one thing to search for.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

_CALLS_MAX: Final = 8
"""Calls of one list: more show nothing new."""
_QUOTES: Final = "`\"“「'"
_JOINT: Final = re.compile(r"[`\"”」']?(\s*,\s*and\s+|\s+and\s+|\s*&\s*|\s*[,、]\s*|\s*[和与]\s*)")
_QUOTED: Final = re.compile(r"[`\"“「']([^`\"”」'\n]+)[`\"”」']")
_PATH: Final = re.compile(r"(?=[\w~-]*[./:])([\w~./:?=&%#-]*\w)")
_NAME: Final = re.compile(r"([A-Z\u00c0-\u00de][\w'-]*(?: [A-Z\u00c0-\u00de][\w'-]*)*)")
_ONLY_COMMAS: Final = frozenset({",", "、"})


def listed_values(values: dict[str, Any], clause: str) -> tuple[dict[str, Any], ...]:
    """The arguments of each call that a clause asks for; the ones given alone if it lists nothing.

    Args:
        values: the arguments of the first call.
        clause: the words that ask for the tool.
    """
    for key, value in values.items():
        if isinstance(value, str) and (further := _further(value, clause)):
            return tuple({**values, key: each} for each in (value, *further))
    return (values,)


def _further(value: str, clause: str) -> list[str]:
    """The things that stand behind one in a list; each once."""
    stands = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", clause)
    if not value or stands is None:
        return []
    form = _form(value, clause[: stands.start()])
    if form is None:
        return []
    found = list(_items(clause, stands.end(), form))
    # "Paris, France" is one place, and "Paris, Bob?" asks Bob: of names a list needs its "and".
    if form is _NAME and all(joint in _ONLY_COMMAS for joint, _ in found):
        return []
    return [each for each in dict.fromkeys(item for _, item in found) if each != value]


def _form(value: str, before: str) -> re.Pattern[str] | None:
    if before[-1:] and before[-1] in _QUOTES:
        return _QUOTED
    if _PATH.fullmatch(value):
        return _PATH
    return _NAME if _NAME.fullmatch(value) else None


def _items(clause: str, place: int, form: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Each further thing with the joint before it."""
    for _ in range(_CALLS_MAX - 1):
        joint = _JOINT.match(clause, place)
        item = form.match(clause, joint.end()) if joint is not None else None
        if joint is None or item is None:
            return
        yield joint[1].strip(), item[1]
        place = item.end()
