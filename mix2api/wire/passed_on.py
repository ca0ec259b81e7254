"""Fields of an answer that mix2api does not know and passes through. Values are JSON texts, because replies travel."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

WHOLE_RESPONSE: Final = "response"
"""The place of a whole answer: no event has that type."""


class PassedOn(Struct, frozen=True, tag="passed_on", omit_defaults=True):
    """Such fields of one chunk, or of a whole answer. At least one place has some."""

    delta: dict[str, str] = {}
    """Of the message, or of the piece of it."""
    choice: dict[str, str] = {}
    """Beside the message."""
    chunk: dict[str, str] = {}
    """Beside the choices."""
    event: dict[str, str] = {}
    """One event of a stream of the Responses API under its type, or its whole answer under `WHOLE_RESPONSE`. Nothing else
    stands beside it."""
    count: int = 1
    """How many events of that type there are. If there are several, each is one line: they are pieces of content that came
    together."""

    @property
    def size(self) -> int:
        """UTF-8 bytes of it all, about."""
        return sum(len(name) + len(text.encode("utf-8", "surrogatepass")) for name, text in self._all())

    def each(self) -> "list[PassedOn]":
        """The same with one event in each."""
        if self.count == 1:
            return [self]
        return [
            PassedOn(event={kind: line}) for kind, lines in self.event.items() for line in lines.split("\n")
        ]

    def _all(self) -> Iterator[tuple[str, str]]:
        for place in (self.delta, self.choice, self.chunk, self.event):
            yield from place.items()


def raw_fields(texts: Mapping[str, str]) -> dict[str, Raw]:
    """The fields as a JSON encoder writes them, unread."""
    return {name: Raw(text.encode()) for name, text in texts.items()}


def joined(known: Any, piece: Any) -> Any:
    """Two pieces of one field as the whole that they are of: texts and lists go on, objects field by field, else the later wins.

    Entries of a list that have an `index` are pieces of the entry with that index, as in `tool_calls`.
    """
    if isinstance(known, str) and isinstance(piece, str):
        return known + piece
    if isinstance(known, dict) and isinstance(piece, dict):
        # Names of entries come with every piece of them.
        fixed = ("index", "id", "type", "format")
        return known | {
            name: value if name in fixed or name not in known else joined(known[name], value)
            for name, value in piece.items()
        }
    if isinstance(known, list) and isinstance(piece, list):
        return _joined_lists(known, piece)
    return known if piece is None else piece


def _joined_lists(known: list[Any], pieces: list[Any]) -> list[Any]:
    whole = list(known)
    at = {entry["index"]: place for place, entry in enumerate(whole) if _has_index(entry)}
    for piece in pieces:
        place = at.get(piece["index"]) if _has_index(piece) else None
        if place is not None:
            whole[place] = joined(whole[place], piece)
            continue
        if _has_index(piece):
            at[piece["index"]] = len(whole)
        whole.append(piece)
    return whole


def _has_index(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("index"), int)


class GatheredFields:
    """The passed-on fields of a whole answer. Linear in what comes: each field is kept in pieces until it is asked for."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[str]] = {}

    def add(self, texts: Mapping[str, str]) -> None:
        """Pieces of fields."""
        for name, text in texts.items():
            self._pieces.setdefault(name, []).append(text)

    def whole(self) -> dict[str, Any]:
        """The fields."""
        found: dict[str, Any] = {}
        for name, pieces in self._pieces.items():
            values = [msgspec.json.decode(piece) for piece in pieces]
            found[name] = _whole(values)
        return found


def _whole(values: list[Any]) -> Any:
    if all(isinstance(value, str) for value in values):
        return "".join(values)
    if all(isinstance(value, list) for value in values):
        return _joined_lists([], [entry for value in values for entry in value])
    whole = values[0]
    for value in values[1:]:
        whole = joined(whole, value)
    return whole
