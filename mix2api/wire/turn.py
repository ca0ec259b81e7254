"""The internal form of one chat request: what the edge makes of a body and an upstream is given. Content lives here.

Structs, not attrs, because a turn also travels between processes: as JSON, sealed (`mix2api.relay.messages`). Nothing in
this module may be logged, or written to Redis in clear.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Raw, Struct, field

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]

TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})
"""Types of content parts that are text: gateways in front pass the names of OpenAI's Responses through."""
RESULT_ROLES: Final = frozenset({"tool", "function"})
"""Roles of messages that are tool results; `function` is the legacy form's."""


def is_text(part: Mapping[str, Any]) -> bool:
    """Whether a content part is text, and has one."""
    return part.get("type") in TEXT_PARTS and isinstance(part.get("text"), str)


class FunctionCall(Struct, frozen=True):
    """A function's name and its arguments as JSON text (not parsed: models write what they like)."""

    name: str
    arguments: str = ""


class MessageToolCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of an assistant message's `tool_calls`. What it does not have is not written: sites refuse `"custom": null`."""

    id: str
    type: str = field(default_factory=lambda: "function")  # a factory's value is written, unlike a default
    function: FunctionCall | None = None
    custom: dict[str, Any] | None = None


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of the history, as the client sent it; unknown keys are gone."""

    role: Role
    content: str | list[dict[str, Any]] | None = None
    """Text, or OpenAI's content parts (each has a `type`), unchanged."""
    name: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None


class AskedBase(Struct, frozen=True):
    """The upstream's base URL that a request asks for, unchecked."""

    url: str
    param: str
    """Where it stood: the header's or the field's name."""


class ChosenBase(Struct, frozen=True, kw_only=True):
    """The upstream's base URL that a request chose, checked by the edge."""

    url: str
    """Normalised: scheme, host, port if it is not the scheme's own, path without its last slash."""
    host: str
    """Host and port as in `url`, for the log."""
    addresses: tuple[str, ...]
    """What the host resolved to when it was checked: nothing else is connected to. Never empty."""


class Operation(Struct, frozen=True):
    """What is asked of a response that the upstream keeps."""

    method: str
    path: str
    """Below the path of responses: an id, and perhaps a word behind it."""
    query: str = ""


class Reference(Struct, frozen=True):
    """A part of a turn that only the account can serve that made it. Content, or as good as content."""

    to: str
    param: str
    """Where it stands in the body."""
    is_strict: bool = True
    """A thing of an unknown owner is refused. Encrypted content is not: its upstream tells whether it can read it."""


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One validated chat request."""

    model: str
    messages: list[Message]
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    """From `max_completion_tokens`, else `max_tokens`."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """`temperature`, `top_p`, `stop`, `seed`, … exactly as given, for the upstream."""
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    legacy_functions: bool = False
    """The caller used `functions`/`function_call` and is answered in that form."""
    persona_id: str | None = None
    session: str | None = None
    """The body's word for its session (`session_id`, else `metadata.session_id`): a name, one of our ids, or `new`."""
    previous_response: str | None = None
    """The Responses API's word for the session: the id of the response that this turn goes on from (ADR 50)."""
    asked_base: AskedBase | None = None
    """Until the edge has checked it."""
    base: ChosenBase | None = None
    """None: the configured upstream."""
    is_responses: bool = False
    """The client speaks the Responses API, and so does the upstream: `given` is the whole body, and `messages` are only read."""
    operation: Operation | None = None
    """What is asked of a response that the upstream keeps; None: an answer."""
    refers: list[Reference] = field(default_factory=list)
    """What of the turn only its maker can serve. Until the edge has looked its owner up."""
    owner: str | None = None
    """The account that alone can serve the turn, because the turn refers to what the account made."""
    given: dict[str, Raw] = field(default_factory=dict)
    """The body's fields as they came, but for ours, for an upstream that is passed through (`mix2api.wire.given_fields`).
    Empty with every other kind."""
