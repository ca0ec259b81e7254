"""A session's state as bytes and back, so that a cold session need not fold its whole log; and the state that a log tells."""

from typing import Any

import msgspec

from mix2api.events.codec import UnreadableEvent
from mix2api.events.log import History
from mix2api.events.versions import CURRENT, SNAPSHOT, Schema
from mix2api.sessions.evolve import fold
from mix2api.sessions.state import VACANT, SessionState


class _Document(msgspec.Struct):
    """What stands in a snapshot. The state is held to be an object: its fields all have defaults."""

    v: int
    state: dict[str, Any]


_decoder = msgspec.json.Decoder(_Document)


def encode_snapshot(state: SessionState) -> bytes:
    """The state as JSON, marked with this code's schema version.

    There is no form for older readers: while there are any, the store leaves snapshots out and logs are folded whole.
    """
    return msgspec.json.encode(_Document(v=CURRENT.version, state=msgspec.to_builtins(state)))


def decode_snapshot(data: bytes, schema: Schema = CURRENT) -> SessionState:
    """The state again, also from an older version's snapshot.

    Raises:
        UnreadableEvent: newer or damaged: the session is a miss, as with an unreadable event.
    """
    try:
        document = _decoder.decode(data)
        if document.v > schema.version:
            raise UnreadableEvent("newer")
        return msgspec.convert(schema.raised(SNAPSHOT, document.state, document.v), SessionState)
    except UnreadableEvent:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError) as fault:
        raise UnreadableEvent("damaged") from fault


def state_of(history: History) -> SessionState:
    """The state that a session's log tells: its snapshot, and the events behind it. Vacant where it has neither.

    Raises:
        UnreadableEvent: as `decode_snapshot`.
        mix2api.sessions.evolve.IllegalEvent: an event that cannot follow, which is damage.
    """
    start = VACANT if history.snapshot is None else decode_snapshot(history.snapshot)
    return fold((recorded.event for recorded in history.recorded), start)
