"""The body of `POST /v2/chats`, decoded strictly: a client that speaks the protocol wrongly is told so with a path."""

from typing import Any, Final

import msgspec
from attrs import frozen
from msgspec import Struct, field

from mix2api.demo.contexts import Kept


class Ask(Struct, frozen=True, kw_only=True):
    """The `request` object."""

    agent_slug: str
    model_slug: str
    query: str
    locale: dict[str, Any] = field(default_factory=dict)
    modes: dict[str, Any] = field(default_factory=dict)
    persona_id: str | None = None


class _Body(Struct, frozen=True, kw_only=True):
    """What stands in the JSON; other fields (sampling) are taken and not looked at."""

    request: Ask
    messages: list[msgspec.Raw] = field(default_factory=list)
    stream: bool = False
    session_id: str | None = None
    exchange_id: str | None = None
    is_personalized: bool = True
    max_tokens: int | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


@frozen
class Chat:
    """One chat request."""

    ask: Ask
    messages: tuple[Kept, ...]
    """What the session is to keep: the messages sent, or the query where none were."""
    stream: bool
    session_id: str | None
    tools: tuple[Any, ...] = ()
    """As they came: in OpenAI's shape, as far as the client keeps to it."""
    tool_choice: Any = None
    one_call: bool = False
    """The answer may hold one call at most (`parallel_tool_calls: false`)."""
    reasons: bool = False
    """The turn asks for reasoning, by its `reasoning_effort`."""
    previous: str | None = None
    """The kept response that the turn goes on from."""
    stores: bool = False
    """The response is to be kept."""
    encrypted: tuple[str, ...] = ()
    """What items of the request have encrypted."""
    tells_usage: bool = True
    """The turn asks for its usage, where the protocol tells none unasked."""

    @property
    def model(self) -> str:
        """The site's name of the model."""
        return self.ask.model_slug


def decode_chat(body: bytes) -> Chat:
    """A chat from its JSON.

    Raises:
        msgspec.DecodeError: not JSON, or a field is missing or of another type; the message has the path.
    """
    decoded = _BODY.decode(body)
    messages = tuple(Kept.of(bytes(raw)) for raw in decoded.messages)
    if not messages:
        spoken = {"role": "user", "content": decoded.request.query}
        messages = (Kept.of(msgspec.json.encode(spoken)),)
    return Chat(
        ask=decoded.request,
        messages=messages,
        stream=decoded.stream,
        session_id=decoded.session_id,
        tools=tuple(decoded.tools or ()),
        tool_choice=decoded.tool_choice,
        one_call=decoded.parallel_tool_calls is False,
        reasons=decoded.reasoning_effort not in {None, "none"},
    )
