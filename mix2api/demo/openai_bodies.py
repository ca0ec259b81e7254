"""The body of `POST /v1/chat/completions` at the demo site, decoded strictly."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from mix2api.demo.bodies import Ask, Chat
from mix2api.demo.contexts import Kept


class _StreamOptions(Struct):
    include_usage: bool = False


class _Body(Struct, kw_only=True):
    """What the site looks at; other fields are taken and not looked at."""

    model: str
    messages: list[msgspec.Raw]
    stream: bool = False
    stream_options: _StreamOptions | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


def decode_openai_chat(body: bytes) -> Chat:
    """A chat from its JSON.

    Raises:
        msgspec.DecodeError: not JSON, or a field is missing or of another type; the message has the path.
    """
    decoded = _BODY.decode(body)
    options = decoded.stream_options
    return Chat(
        ask=Ask(agent_slug="", model_slug=decoded.model, query=""),
        messages=tuple(Kept.of(bytes(raw)) for raw in decoded.messages),
        stream=decoded.stream,
        session_id=None,
        tools=tuple(decoded.tools or ()),
        tool_choice=decoded.tool_choice,
        one_call=decoded.parallel_tool_calls is False,
        reasons=decoded.reasoning_effort not in {None, "none"},
        tells_usage=options is not None and options.include_usage,
    )
