"""Folded states as bytes: `<version> <JSON>`. They only save folding: where one is damaged, the log makes it anew. Pure."""

from typing import Final

import msgspec

from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.state import Session, Turn
from mix2api.vocabulary import Digest

SESSION_FIELD: Final = "session"
_encode: Final = msgspec.json.Encoder().encode
_session: Final = msgspec.json.Decoder(Session).decode
_turn: Final = msgspec.json.Decoder(Turn).decode


def turn_state_field(turn: int) -> str:
    """The field of a turn's state."""
    return f"turn:{turn}"


def start_field(turn: int) -> str:
    """The field with the id of the log's entry before a turn's first one."""
    return f"from:{turn}"


def message_field(message: Digest) -> str:
    """The field with the turn of a caller's message id."""
    return f"message:{message}"


def state_bytes(state: Session | Turn) -> bytes:
    """A state as it rests."""
    return b"%d %b" % (state.version, _encode(state))


def read_session(data: bytes) -> Session:
    """The session's state.

    Raises:
        UnreadableConversation: damage.
    """
    try:
        session = _session(data.partition(b" ")[2])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UnreadableConversation("damaged") from None
    return session


def read_turn(data: bytes) -> Turn:
    """A turn's state.

    Raises:
        UnreadableConversation: damage.
    """
    try:
        turn = _turn(data.partition(b" ")[2])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UnreadableConversation("damaged") from None
    return turn
