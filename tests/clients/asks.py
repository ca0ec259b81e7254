"""What a client program is asked to do and what it tells of it: one JSON line each way, the same for every client.

The programs in `programs/` are the only ones that know an SDK; they report what they saw and judge nothing.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Kind(StrEnum):
    """The endpoint."""

    CHAT = "chat"
    MODELS = "models"
    """The list."""
    MODEL = "model"
    """One of them, `Ask.model`."""


class Tool(Struct, frozen=True):
    """The one function that is offered."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema."""


class Ask(Struct, frozen=True, kw_only=True):
    """One use of a client."""

    base_url: str
    """With `/v1`."""
    key: str
    request_id: str
    """Sent as `x-request-id`: the log is searched for it."""
    kind: Kind = Kind.CHAT
    model: str
    prompt: str = ""
    stream: bool = False
    include_usage: bool = False
    """Only streams need to ask for it."""
    tool: Tool | None = None
    tool_result: str | None = None
    """What the client answers to the first tool call; then it goes on. None: it stops there."""
    fields: dict[str, Any] = {}
    """Further fields of the body."""
    max_retries: int = 0
    abort_after: int | None = None
    """Content deltas after which the client goes away."""
    timeout_ms: int | None = None
    """The client's own patience; None: its default."""


class SeenCall(Struct, frozen=True):
    """A tool call, put together."""

    id: str
    name: str
    arguments: str
    """JSON text."""


class SeenUsage(Struct, frozen=True):
    """Token counts under OpenAI's names."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Raised(Struct, frozen=True, kw_only=True):
    """What the client told its user of a failure."""

    name: str
    """The class of the exception; curl's programs have words of their own (see `programs/curl.py`)."""
    status: int | None = None
    code: str | None = None
    param: str | None = None
    message: str = ""
    retry_after: str | None = None
    """The header, where the client shows headers."""


class Seen(Struct, frozen=True, kw_only=True):
    """What the client saw."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: SeenUsage | None = None
    tool_calls: list[SeenCall] = []
    models: list[str] = []
    request_id: str | None = None
    """`x-request-id` of the answer; the SDKs do not show it for lists of models, nor when they gave up themselves."""
    raised: Raised | None = None
    complaints: list[str] = []
    """What was wrong with the answer by the program's own look at it. A program that broke says so here."""
