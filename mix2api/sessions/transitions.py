"""The legal order of events as one table. The diagram in `docs/session.md`, `evolve` and the tests derive from it.

An event whose trigger has no row for the session's stage is illegal: `decide` never makes one, and a log that holds
one is unreadable.
"""

from enum import StrEnum
from typing import Final

from mix2api.events.kinds import End, Event, Request, SessionNote, ToolCall, ToolResult, UpstreamChunk
from mix2api.sessions.state import RUNNING, Stage
from mix2api.vocabulary import SessionWord


class Trigger(StrEnum):
    """What of an event moves a session: its kind, and for chunks and session notes the word in it."""

    OPENED = "session opened"
    RETIRED = "session retired"
    GAP = "session gap"
    TAKEN_OVER = "session taken_over"
    WARNING = "session warning"
    REQUEST = "request"
    TOOL_RESULT = "tool_result"
    OPEN = "upstream_chunk open"
    START = "upstream_chunk start"
    TEXT = "upstream_chunk text"
    REASONING = "upstream_chunk reasoning"
    TOOL_INPUT = "upstream_chunk tool_input"
    FINISH = "upstream_chunk finish"
    ERROR = "upstream_chunk error"
    CAUSE = "upstream_chunk cause"
    TOOL_CALL = "tool_call"
    END = "end"


_OUTPUT: Final = (Trigger.TEXT, Trigger.REASONING, Trigger.TOOL_INPUT)
_CAUSES: Final = (Trigger.FINISH, Trigger.ERROR, Trigger.CAUSE)
_REMARKS: Final = (Trigger.TAKEN_OVER, Trigger.WARNING)
_BEFORE_A_CAUSE: Final = sorted(RUNNING - {Stage.CONCLUDING})

TRANSITIONS: Final[dict[tuple[Stage, Trigger], Stage]] = {
    (Stage.VACANT, Trigger.OPENED): Stage.WAITING,
    (Stage.WAITING, Trigger.REQUEST): Stage.ACCEPTED,
    (Stage.WAITING, Trigger.RETIRED): Stage.RETIRED,
    (Stage.ACCEPTED, Trigger.TOOL_RESULT): Stage.ACCEPTED,
    (Stage.ACCEPTED, Trigger.OPEN): Stage.CALLED,
    # The call was never made: the request was overtaken by an abort, a limit or a fault of ours.
    (Stage.ACCEPTED, Trigger.CAUSE): Stage.CONCLUDING,
    (Stage.CALLED, Trigger.START): Stage.STARTED,
    **{(Stage.CALLED, word): Stage.STREAMING for word in (*_OUTPUT, Trigger.TOOL_CALL)},
    **{(Stage.CALLED, word): Stage.CONCLUDING for word in _CAUSES},
    # Ids may come again, and late.
    (Stage.STARTED, Trigger.START): Stage.STARTED,
    **{(Stage.STARTED, word): Stage.STREAMING for word in (*_OUTPUT, Trigger.TOOL_CALL)},
    **{(Stage.STARTED, word): Stage.CONCLUDING for word in _CAUSES},
    (Stage.STREAMING, Trigger.START): Stage.STREAMING,
    **{(Stage.STREAMING, word): Stage.STREAMING for word in (*_OUTPUT, Trigger.TOOL_CALL)},
    **{(Stage.STREAMING, word): Stage.CONCLUDING for word in _CAUSES},
    # The lost events may have been any, the cause too: then the end is the next that is known.
    **{(stage, Trigger.GAP): Stage.GAPPED for stage in _BEFORE_A_CAUSE},
    (Stage.GAPPED, Trigger.START): Stage.GAPPED,
    **{(Stage.GAPPED, word): Stage.STREAMING for word in (*_OUTPUT, Trigger.TOOL_CALL)},
    **{(Stage.GAPPED, word): Stage.CONCLUDING for word in _CAUSES},
    (Stage.GAPPED, Trigger.END): Stage.WAITING,
    (Stage.CONCLUDING, Trigger.END): Stage.WAITING,
    **{(stage, Trigger.GAP): stage for stage in (Stage.WAITING, Stage.RETIRED, Stage.CONCLUDING)},
    **{
        (stage, word): stage
        for stage in (Stage.WAITING, Stage.RETIRED, *sorted(RUNNING))
        for word in _REMARKS
    },
}


def trigger_of(event: Event) -> Trigger:
    """The trigger in an event."""
    if isinstance(event, UpstreamChunk):
        return _CHUNK_TRIGGERS[event.kind]
    if isinstance(event, SessionNote):
        return _NOTE_TRIGGERS[event.word]
    return _KIND_TRIGGERS[type(event)]


_CHUNK_TRIGGERS: Final = {
    word.value.removeprefix("upstream_chunk "): word
    for word in Trigger
    if word.value.startswith("upstream_chunk ")
}
_NOTE_TRIGGERS: Final = {word: Trigger(f"session {word.value}") for word in SessionWord}
_KIND_TRIGGERS: Final[dict[type[Event], Trigger]] = {
    Request: Trigger.REQUEST,
    ToolResult: Trigger.TOOL_RESULT,
    ToolCall: Trigger.TOOL_CALL,
    End: Trigger.END,
}
