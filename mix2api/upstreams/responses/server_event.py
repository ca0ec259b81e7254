"""One event of a streamed response, as far as it is read. Pure."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.port import ToolInputAvailable, UsageSeen
from mix2api.upstreams.usage import usage_seen
from mix2api.vocabulary import ChunkKind
from mix2api.wire.halves import without_halves

_NOTHING: Final = Raw(b"")
DELTAS: Final = {
    "response.output_text.delta": ChunkKind.TEXT,
    "response.refusal.delta": ChunkKind.TEXT,
    "response.reasoning_summary_text.delta": ChunkKind.REASONING,
    "response.reasoning_text.delta": ChunkKind.REASONING,
    "response.function_call_arguments.delta": ChunkKind.TOOL_INPUT,
    "response.custom_tool_call_input.delta": ChunkKind.TOOL_INPUT,
    "response.mcp_call_arguments.delta": ChunkKind.TOOL_INPUT,
}
"""Events with a piece of content -> what the log calls it."""
BEGINNINGS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
"""Events before any content. A server may still refuse the request after them."""
ENDINGS: Final = frozenset({"response.completed", "response.incomplete", "response.cancelled"})
FAILURES: Final = frozenset({"response.failed", "error"})
_INCOMPLETE: Final = {"max_output_tokens": "length", "content_filter": "content-filter"}


class MalformedEvent(Exception):
    """A frame that is no event."""


class ServerEvent(Struct):
    """Any event. What it has beside these fields is not looked at."""

    type: str = ""
    delta: Any = None
    item: dict[str, Any] | None = None
    item_id: str = ""
    response: Raw = _NOTHING


decode: Final = msgspec.json.Decoder(ServerEvent).decode
"""An event that is not damaged. Raises what `event_in` expects (`NOT_JSON` has all of it)."""


def event_in(payload: bytes) -> ServerEvent:
    """The event that a frame is.

    Raises:
        MalformedEvent: see there.
    """
    try:
        return decode(payload)
    except msgspec.ValidationError:
        raise MalformedEvent from None
    except NOT_JSON:
        pass
    try:
        return decode(without_halves(payload))
    except NOT_JSON:
        raise MalformedEvent from None


def object_in(raw: Raw) -> dict[str, Any]:
    """The object that a field is; empty where it is none."""
    try:
        said = msgspec.json.decode(bytes(raw)) if bytes(raw) else None
    except NOT_JSON:
        return {}
    return said if isinstance(said, dict) else {}


def usage_in(response: dict[str, Any]) -> UsageSeen | None:
    """What a response says of its tokens."""
    usage = response.get("usage")
    return usage_seen(Raw(msgspec.json.encode(usage))) if isinstance(usage, dict) else None


def finish_in(response: dict[str, Any]) -> str:
    """Why a response ended, in the words of `mix2api.upstreams.finish_reasons`."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return _INCOMPLETE.get(reason or "", "stop")


def call_in(item: dict[str, Any] | None) -> ToolInputAvailable | None:
    """The function call that an item is."""
    if item is None or item.get("type") != "function_call":
        return None
    call_id, name, arguments = item.get("call_id"), item.get("name"), item.get("arguments")
    if not (isinstance(call_id, str) and isinstance(name, str)):
        return None
    return ToolInputAvailable(call_id, name, arguments if isinstance(arguments, str) else "")


def made_in(item: dict[str, Any] | None) -> tuple[str, ...]:
    """What of an item only its maker can serve: what it has encrypted, the item by its id, its container, and its files."""
    if item is None:
        return ()
    said = [item.get(name) for name in ("encrypted_content", "id", "container_id")]
    for part in _objects(item.get("content")):
        for annotation in _objects(part.get("annotations")):
            said += [annotation.get("container_id"), annotation.get("file_id")]
    return tuple(dict.fromkeys(one for one in said if isinstance(one, str) and one))


def _objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def items_in(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a response's output."""
    return _objects(response.get("output"))


def texts_in(item: dict[str, Any], place: str) -> str:
    """The text of an item's parts.

    Args:
        item: of the output.
        place: the field that has the parts: `content` or `summary`.
    """
    parts = item.get(place)
    found = (part.get("text") for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
    return "".join(text for text in found if isinstance(text, str))
