r"""Characters that a site cuts in half: deltas of text cut by UTF-16 units end with `\ud83d` and begin with `\ude00`. Pure.

`smoothStream({chunking: /./})` of the AI SDK writes them so, with every emoji. No decoder of ours takes half a character,
so the end of one delta waits for the beginning of the next one of the same part; parts may come side by side. This is
off the usual path: it begins with a frame that cannot be decoded, and ends when no half waits any more.
"""

import json
from typing import Any, Final

import msgspec

from mix2api.wire.halves import paired, without_halves

_LONGEST: Final = 262_144
"""Bytes of a delta that is taken apart: at most 15 ms, in one step. Deltas are short."""
_FIELDS: Final = {"text-delta": "delta", "reasoning-delta": "delta", "tool-input-delta": "inputTextDelta"}
"""The field of each kind of delta that holds its text."""
_ENDS: Final = {"text-end": "text-delta", "reasoning-end": "reasoning-delta"}
"""Which deltas a frame says to be over."""
_HIGH: Final = ("\ud800", "\udbff")
"""The first and the last high surrogate: the first half of a character."""

_Part = tuple[str, str]
"""A frame's type, and the id of its part or call, as JSON text."""


class Halves:
    """One answer's."""

    def __init__(self) -> None:
        self.waiting: dict[_Part, str] = {}
        """Halves that wait, always in this one table; while there are any, every frame goes through `joined`."""

    def joined(self, payload: bytes) -> list[bytes]:
        """The frame with what waited for it, without what must wait, and with U+FFFD for every other half.

        Where it is the end of a part, a half that waited there comes before it as a frame of its own.
        """
        frame = _object_in(payload)
        kind = frame.get("type")
        if kind in _ENDS:
            part = _ENDS[kind], json.dumps(frame.get("id"))
            return [*self._released([part] if part in self.waiting else []), payload]
        if kind not in _FIELDS or not isinstance(frame.get(_FIELDS[kind]), str):
            return [without_halves(payload)]
        name = frame.get("toolCallId" if kind == "tool-input-delta" else "id")
        part = kind, json.dumps(name)
        text = self.waiting.pop(part, "") + frame[_FIELDS[kind]]
        if _HIGH[0] <= text[-1:] <= _HIGH[1]:
            self.waiting[part] = text[-1]
            text = text[:-1]
        return [_frame(kind, name, text)]

    def rest(self) -> list[bytes]:
        """Frames for the halves whose other half never came."""
        return self._released(list(self.waiting))

    def _released(self, parts: list[_Part]) -> list[bytes]:
        return [_frame(kind, json.loads(name), self.waiting.pop((kind, name))) for kind, name in parts]


def _object_in(payload: bytes) -> dict[str, Any]:
    """The frame; empty if it is none. Python's own decoder alone takes halves of characters."""
    try:
        frame = json.loads(payload) if len(payload) <= _LONGEST else None
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}


def _frame(kind: str, name: Any, text: str) -> bytes:
    """A delta: of such a frame nothing else is read."""
    return msgspec.json.encode({"type": kind, "id": name, "toolCallId": name, _FIELDS[kind]: paired(text)})
