"""What another build has written of one session: its log, its snapshot, and the audit entries of its runs. Never any content.

A recording is a file of such sessions, one JSON object a line. The fields hold the bytes as Redis had them.
"""

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mix2api.events.codec import UnreadableEvent, decode
from mix2api.sessions.evolve import IllegalEvent, fold
from mix2api.sessions.snapshot import encode_snapshot


class RecordedEntry(Struct, frozen=True, array_like=True):
    """An entry of the log."""

    kind: str
    version: str
    data: str
    """The event's JSON."""


class RecordedRun(Struct, frozen=True, array_like=True):
    """The halves of a run's audit entry (`mix2api.events.audit_entry`), JSON arrays."""

    asked: str
    ended: str


class RecordedSession(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session."""

    session: str
    entries: tuple[RecordedEntry, ...]
    """All that the log still has, in order."""
    snapshot: str | None = None
    """The state that the other build has folded, with its version."""
    covered: int = 0
    """How many of the entries the snapshot covers."""
    is_trimmed: bool = False
    """Older entries are gone: the log can be folded from its snapshot on only."""
    runs: dict[str, RecordedRun] = {}
    """By run id, as far as the audit has them."""


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(RecordedSession)


def encode_recorded(session: RecordedSession) -> bytes:
    """A line of a recording, without its end."""
    return _encoder.encode(session)


def decode_recorded(line: bytes) -> RecordedSession:
    """The session of a line.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return _decoder.decode(line)


def with_state(session: RecordedSession) -> RecordedSession:
    """The session with the state that this build folds, if no process has kept one: few sessions have so many turns.

    The build that records is the one that a candidate is compared with. A log that cannot be folded is left as it is.
    """
    if session.snapshot is not None or session.is_trimmed:
        return session
    try:
        events = [
            decode(one.kind.encode(), one.version.encode(), one.data.encode()) for one in session.entries
        ]
        state = fold(events)
    except (UnreadableEvent, IllegalEvent):
        return session
    return replace(session, snapshot=encode_snapshot(state).decode(), covered=len(session.entries))
