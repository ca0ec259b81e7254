"""The fields of a chat request as they came, for an upstream that is passed through: fields that we do not know among them. Pure."""

from typing import Final

import msgspec
from msgspec import Raw

from mix2api.wire.request_fields import EXTENSION_FIELDS
from mix2api.wire.turn import Turn

_OURS: Final = frozenset(row.name for row in EXTENSION_FIELDS)
"""Fields by which a client speaks to us alone."""
_LEGACY: Final = ("functions", "function_call")
_TOOL_FIELDS: Final = ("tools", "tool_choice")

_decode: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def given_fields(body: bytes, turn: Turn, *, reformed: bool) -> dict[str, Raw]:
    """The fields, each as its JSON text.

    A field that the edge has brought into OpenAI's form is left out: the turn has what is to be sent in its place.

    Args:
        body: JSON that has been decoded before.
        turn: what was made of it.
        reformed: Anthropic's blocks stood in the messages.
    """
    given = {name: raw for name, raw in _decode(body).items() if name not in _OURS}
    if reformed or turn.legacy_functions or _is_legacy(turn):
        given.pop("messages", None)
    if "stop" not in given and "stop" in turn.sampling:
        given["stop"] = Raw(msgspec.json.encode(turn.sampling["stop"]))
    for name in _LEGACY:
        given.pop(name, None)
    for name in _TOOL_FIELDS:
        if name in given and msgspec.json.decode(given[name]) != getattr(turn, name):
            del given[name]
    return given


def _is_legacy(turn: Turn) -> bool:
    return any(message.function_call is not None or message.role == "function" for message in turn.messages)
