"""What an answer says, whatever its framing: text, reasoning, calls, finish, usage, error. Pure.

Two streams that are cut into other chunks say the same. Two calls whose arguments are written with other blanks do, too.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from mix2api.packs.evidence import Json, Seen, part, parts


class Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer's meaning."""

    status: int
    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Name and arguments of each; arguments as canonical JSON where they are JSON."""
    finishes: tuple[str, ...] = ()
    usage: Json | None = None
    error: tuple[str, str] | None = None
    """Its code and its `end_reason`."""
    is_done: bool = False
    """A stream that ended with `[DONE]`."""


def said(seen: Seen) -> Said:
    """The meaning of an answer."""
    holder = "delta" if seen.is_stream else "message"
    messages = [part(choice, holder) for choice in seen.choices]
    error = seen.error
    return Said(
        status=seen.status,
        text=seen.text,
        reasoning="".join(message.get("reasoning_content") or "" for message in messages),
        calls=tuple((name, _canonical(arguments)) for name, arguments in _calls(messages)),
        finishes=tuple(map(str, seen.finishes)),
        usage=next((holder["usage"] for holder in _holders(seen) if holder.get("usage") is not None), None),
        error=None if error is None else (str(error.get("code")), str(error.get("end_reason"))),
        is_done=seen.payloads[-1:] == ("[DONE]",),
    )


def unlike(recorded: Said, now: Said) -> Iterator[tuple[str, object, object]]:
    """The fields in which two answers differ, with both values."""
    for name in Said.__struct_fields__:
        before, after = getattr(recorded, name), getattr(now, name)
        if before != after:
            yield name, before, after


def _holders(seen: Seen) -> list[Json]:
    whole = [seen.json] if isinstance(seen.json, dict) else []
    return seen.events if seen.is_stream else whole


def _calls(messages: list[Json]) -> list[tuple[str, str]]:
    """Names and arguments, put together from their pieces by index."""
    found: dict[int, tuple[str, str]] = {}
    for message in messages:
        for place, call in enumerate(parts(message, "tool_calls")):
            index = call.get("index", place)
            name, arguments = found.get(index, ("", ""))
            function = part(call, "function")
            found[index] = (
                name + (function.get("name") or ""),
                arguments + (function.get("arguments") or ""),
            )
    return [found[index] for index in sorted(found)]


def _canonical(arguments: str) -> str:
    try:
        value: Any = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return arguments
    return msgspec.json.encode(value, order="sorted").decode()
