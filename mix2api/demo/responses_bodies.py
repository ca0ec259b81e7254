"""The body of `POST /v1/responses` at the demo site, decoded strictly."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from mix2api.demo.bodies import Ask, Chat
from mix2api.demo.contexts import Kept


class _Reasoning(Struct):
    effort: str | None = None


class _Body(Struct, kw_only=True):
    """What the site looks at; other fields are taken and not looked at."""

    model: str
    input: str | list[dict[str, Any]] = ""
    instructions: str | None = None
    stream: bool = False
    store: bool = True
    previous_response_id: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    reasoning: _Reasoning | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


def decode_responses(body: bytes) -> Chat:
    """A chat from its JSON.

    Raises:
        msgspec.DecodeError: not JSON, or a field is missing or of another type; the message has the path.
    """
    decoded = _BODY.decode(body)
    items = decoded.input
    if isinstance(items, str):
        items = [{"role": "user", "content": items}] if items else []
    leading = [{"role": "system", "content": decoded.instructions}] if decoded.instructions else []
    said = [*leading, *messages_of(items)]
    effort = None if decoded.reasoning is None else decoded.reasoning.effort
    return Chat(
        ask=Ask(agent_slug="", model_slug=decoded.model, query=""),
        messages=tuple(Kept.of(msgspec.json.encode(message)) for message in said),
        stream=decoded.stream,
        session_id=None,
        tools=tuple(_chat_tool(tool) for tool in decoded.tools or ()),
        tool_choice=decoded.tool_choice,
        one_call=decoded.parallel_tool_calls is False,
        reasons=effort not in {None, "none"},
        previous=decoded.previous_response_id,
        stores=decoded.store,
        encrypted=tuple(item["encrypted_content"] for item in items if item.get("encrypted_content")),
    )


def messages_of(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items as messages of Chat Completions, which the site's memory is made of."""
    for item in items:
        match item.get("type", "message"):
            case "message":
                yield {"role": item.get("role", "user"), "content": item.get("content") or ""}
            case "function_call":
                function = {"name": item.get("name", ""), "arguments": item.get("arguments", "")}
                call = {"id": item.get("call_id", ""), "type": "function", "function": function}
                yield {"role": "assistant", "content": None, "tool_calls": [call]}
            case "function_call_output":
                yield {"role": "tool", "tool_call_id": item.get("call_id", ""), "content": item.get("output")}
            case _:
                continue


def _chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        return tool
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
