"""What a conversation says, as it rests sealed apart from its events: one field for each thing. Pure.

Nothing of this module may be logged, or written to Redis unsealed.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

SESSION_ID_PATTERN: Final = "[A-Za-z0-9._:-]{1,128}"
"""Ids of sessions that callers choose, as a regular expression."""
USER_CHARS: Final = 256
TITLE_CHARS: Final = 1000
MESSAGE_CHARS: Final = 1_000_000
"""Of one message: some 250,000 tokens, more than models take."""
MESSAGE_ID_CHARS: Final = 256
"""Of `clientMessageId`."""
SESSION: Final = "session"
"""The field of `SessionWords`."""


class SessionWords(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller says of the session."""

    session_id: str
    user_id: str
    title: str | None = None
    meta_info: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "SessionWords(...)"


class TurnWords(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The caller's message."""

    message: str
    extra_context: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "TurnWords(...)"


class PlanWords(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The plan's graph and its context."""

    graph: dict[str, Any]
    """As `mix2api.conversations.graph.Graph.as_json` gives it."""
    context: dict[str, Any]
    """`globalContext`."""

    def __repr__(self) -> str:
        return "PlanWords(...)"


class AnswerWords(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The turn's one assistant message."""

    text: str
    at_ms: int

    def __repr__(self) -> str:
        return "AnswerWords(...)"


def turn_field(turn: int) -> str:
    """The field of a turn's `TurnWords`."""
    return f"turn:{turn}"


def plan_field(turn: int) -> str:
    """The field of a plan's `PlanWords`."""
    return f"plan:{turn}"


def answer_field(turn: int) -> str:
    """The field of a turn's `AnswerWords`."""
    return f"answer:{turn}"


def output_field(turn: int, task: int) -> str:
    """The field of a task's newest output, a text."""
    return f"output:{turn}:{task}"


def feedback_field(turn: int, task: int) -> str:
    """The field of what a task's CRITIC has said last, a text."""
    return f"feedback:{turn}:{task}"


def fault_field(turn: int) -> str:
    """The field of why the planner failed, a text."""
    return f"fault:{turn}"


def text_bytes(text: str) -> bytes:
    """A text as a field's content. Lone surrogates stay what they are."""
    return text.encode("utf-8", "surrogatepass")


def read_text(data: bytes) -> str:
    """The text again."""
    return data.decode("utf-8", "surrogatepass")


words_bytes: Final = msgspec.json.Encoder().encode
"""One of the structs as a field's content."""
