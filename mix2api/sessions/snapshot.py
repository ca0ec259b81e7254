"""A session's state as bytes and back, so that a cold session need not fold its whole log."""

from typing import Any

import msgspec

from mix2api.events.codec import UnreadableEvent, strict_converter
from mix2api.events.kinds import SCHEMA_VERSION
from mix2api.sessions.state import SessionState


class _Document(msgspec.Struct):
    """What stands in a snapshot. The state is held to be an object: its fields all have defaults."""

    v: int
    state: dict[str, Any]


_converter = strict_converter()
_decoder = msgspec.json.Decoder(_Document)


def encode_snapshot(state: SessionState) -> bytes:
    """The state as JSON, marked with the schema version."""
    return msgspec.json.encode(_Document(v=SCHEMA_VERSION, state=_converter.unstructure(state)))


def decode_snapshot(data: bytes) -> SessionState:
    """The state again.

    Raises:
        UnreadableEvent: newer or damaged: the session is a miss, as with an unreadable event.
    """
    try:
        document = _decoder.decode(data)
        if document.v != SCHEMA_VERSION:
            raise UnreadableEvent("newer")
        return _converter.structure(document.state, SessionState)
    except UnreadableEvent:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, msgspec.MsgspecError) as fault:
        raise UnreadableEvent("damaged") from fault
