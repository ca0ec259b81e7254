"""The events of an OpenCode server, as far as they tell of a run. Pure.

The stream wraps each event: `{"directory", "payload": {"type", "properties"}}`. Events of the type `sync` say a second time
what another event has said. They and all types that tell of no session are skipped.
"""

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from mix2api.upstreams.damage import NOT_JSON


class Cache(Struct, frozen=True):
    """Tokens that a cache gave, and took."""

    read: float = 0
    write: float = 0


class Tokens(Struct, frozen=True):
    """Of one step, in the runtime's words."""

    input: float = 0
    output: float = 0
    reasoning: float = 0
    cache: Cache = field(default_factory=Cache)


class ToolState(Struct, frozen=True):
    """How far a tool of the runtime has come: `pending`, `running`, `completed` or `error`."""

    status: str = ""
    title: str = ""


class Part(Struct, frozen=True):
    """A part of a message. It is told of each time it changes, always whole."""

    id: str
    type: str
    message: str = field(name="messageID")
    session: str = field(name="sessionID", default="")
    text: str = ""
    tool: str = ""
    state: ToolState = field(default_factory=ToolState)
    reason: str = ""
    tokens: Tokens | None = None
    ignored: bool = False
    """It is not for the reader."""


class ErrorData(Struct, frozen=True):
    """What is known of an error."""

    message: str = ""
    status: int | None = field(name="statusCode", default=None)


class RuntimeFault(Struct, frozen=True):
    """An error, by its class in the runtime (`APIError`, `MessageAbortedError`)."""

    name: str = ""
    data: ErrorData = field(default_factory=ErrorData)


class Info(Struct, frozen=True):
    """A message, or a session: what an event calls `info`."""

    id: str = ""
    session: str = field(name="sessionID", default="")
    role: str = ""
    parent: str = field(name="parentID", default="")
    """Of a session that another one made for a part of its work."""
    finish: str | None = None
    error: RuntimeFault | None = None


class Status(Struct, frozen=True):
    """Whether a session works: `idle`, `busy` or `retry`."""

    type: str = ""


class Properties(Struct, frozen=True):
    """What an event says. Which fields it has is its type's."""

    id: str = ""
    """Of a permission or a question that is asked for."""
    session: str = field(name="sessionID", default="")
    info: Info | None = None
    part: Part | None = None
    message: str = field(name="messageID", default="")
    part_id: str = field(name="partID", default="")
    field_name: str = field(name="field", default="")
    delta: str = ""
    status: Status | UnsetType | None = UNSET
    error: RuntimeFault | None = None

    @property
    def of_session(self) -> str:
        """The session that the event is of; empty where it is of none."""
        if self.session:
            return self.session
        if self.part is not None:
            return self.part.session
        return "" if self.info is None else self.info.session or self.info.id


class RuntimeEvent(Struct, frozen=True):
    """One event of one session."""

    type: str
    said: Properties


class _Payload(Struct, frozen=True):
    type: str
    properties: Raw = field(default_factory=Raw)


class _Envelope(Struct, frozen=True):
    payload: _Payload


class Message(Struct, frozen=True):
    """One entry of `GET /session/{id}/message`."""

    info: Info
    parts: list[Part] = field(default_factory=list)


TYPES: Final = frozenset(
    {
        "message.updated",
        "message.part.updated",
        "message.part.delta",
        "session.status",
        "session.idle",
        "session.error",
        "permission.asked",
        "question.asked",
        "session.created",
    }
)
"""The types of events that tell of a run."""
ASKING: Final = {"permission.asked": "permission", "question.asked": "question"}
"""The types of events that tell that a session waits for an answer, and for what."""
_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_properties: Final = msgspec.json.Decoder(Properties).decode
_messages: Final = msgspec.json.Decoder(list[Message]).decode


def event_in(payload: bytes) -> RuntimeEvent | None:
    """The event in a frame; None where it tells of no run, or cannot be read: the stream is shared, and goes on."""
    try:
        told = _envelope(payload).payload
        if told.type not in TYPES:
            return None
        event = RuntimeEvent(told.type, _properties(told.properties))
    except NOT_JSON:
        return None
    return event if event.said.of_session else None


def events_of_messages(body: bytes, session: str) -> list[RuntimeEvent]:
    """What the messages of a session say, as the events that would have told it.

    Raises:
        msgspec.MsgspecError: they cannot be read.
    """
    events: list[RuntimeEvent] = []
    for message in _messages(body):
        events.append(RuntimeEvent("message.updated", Properties(session=session, info=message.info)))
        events += [
            RuntimeEvent("message.part.updated", Properties(session=session, part=part))
            for part in message.parts
        ]
    return events
