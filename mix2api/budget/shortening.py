"""A long message made short: its head and its tail with a mark between them. Pure, linear.

The head gets 60 %, as in the earlier adapter. A cut does not go through a figure, an id or a path: half an id is worse
than none, because a model completes it.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from mix2api.wire.turn import Message, is_text

_HEAD_TENTHS: Final = 6
_EDGE: Final = 64
"""Characters by which a cut may move to keep a figure or an id whole. A UUID has 36, a SHA-256 has 64."""
_EDGE_SHARE: Final = 8
"""Of a short room an eighth: the cut's place must not eat the text."""
_SOLIDS: Final = (
    re.compile(r"(?:[\w.:/@#$%+-]|(?<=\d),(?=\d))+"),
    re.compile(r"[\w.-]+"),
)
"""What figures, ids, dates, paths and addresses are made of. The second is for what is one long run by the first, such as
a list of numbers."""


def shortened(message: Message, limit: int) -> Message:
    """The message with at most `limit` characters of text; its very self if it has no more.

    Calls stay as they are: arguments without their middle are no JSON. Parts that are not text stay whole.
    """
    content = message.content
    if isinstance(content, str):
        if len(content) <= limit:
            return message
        return msgspec.structs.replace(message, content=head_and_tail(content, limit))
    texts = [part for part in content or () if is_text(part)]
    text = "\n".join(part["text"] for part in texts)
    if len(text) <= limit:
        return message
    return msgspec.structs.replace(message, content=_one_text(content or [], head_and_tail(text, limit)))


def _one_text(parts: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The parts with one text where the first one stood, and none after it."""
    made: list[dict[str, Any]] = []
    placed = False
    for part in parts:
        if not is_text(part):
            made.append(part)
        elif not placed:
            made.append(part | {"text": text})
            placed = True
    return made


def head_and_tail(text: str, limit: int) -> str:
    """The two ends of a text that is longer than `limit` characters, `limit` at most; the head alone where no mark fits."""
    room = limit - len(_mark(len(text)))
    if room < _EDGE_SHARE:
        return text[:limit]
    edge = min(_EDGE, room // _EDGE_SHARE)
    head = room * _HEAD_TENTHS // 10
    end = _end_of_head(text, head - edge, edge)
    start = _start_of_tail(text, len(text) - (room - head - edge), edge)
    return text[:end] + _mark(start - end) + text[start:]


def _mark(left_out: int) -> str:
    return f"\n[… {left_out} characters left out …]\n"


def _end_of_head(text: str, cut: int, edge: int) -> int:
    """A place near `cut` that splits nothing solid: at most `edge` behind it, else before it."""
    for start, end in _runs_over(text, cut, edge):
        if end - cut <= edge:
            return end
        if cut - start <= edge:
            return start
    return cut


def _start_of_tail(text: str, cut: int, edge: int) -> int:
    """A place near `cut` that splits nothing solid: at most `edge` before it, else behind it."""
    for start, end in _runs_over(text, cut, edge):
        if cut - start <= edge:
            return start
        if end - cut <= edge:
            return end
    return cut


def _runs_over(text: str, cut: int, edge: int) -> Iterator[tuple[int, int]]:
    """What is split by a cut, by each of `_SOLIDS`: start and end, seen no farther than `edge` + 1 from the cut."""
    first, last = max(0, cut - edge - 1), min(len(text), cut + edge + 1)
    for solid in _SOLIDS:
        spans = (run.span() for run in solid.finditer(text, first, last))
        yield from (span for span in spans if span[0] < cut < span[1])
