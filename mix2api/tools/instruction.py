"""How a site without native tools is told of them in words, and how calls and results are written down for it. Pure.

What is told has two parts: what always holds (`standing`: the form of a call, the tools), and what holds for the next answer
only (`for_now`: whether one must be called, and which). The form is the one that `mix2api.tools.text.recognition` reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from mix2api.tools.choice import CallMode
from mix2api.tools.ids import short_id
from mix2api.tools.offer import FunctionTool, Offer
from mix2api.tools.results import names_of_calls, result_key
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn, is_text


class InstructionPlace(StrEnum):
    """Where a site is told (`TOOL_INSTRUCTION_MODE`)."""

    QUERY = "query"
    MESSAGES = "messages"
    BOTH = "both"
    NONE = "none"

    @property
    def in_query(self) -> bool:
        """Whether `query` holds it."""
        return self in {InstructionPlace.QUERY, InstructionPlace.BOTH}

    @property
    def in_messages(self) -> bool:
        """Whether a system message holds it."""
        return self in {InstructionPlace.MESSAGES, InstructionPlace.BOTH}


_FORM: Final = """\
You can use the tools listed below; they are run for you, and their results are given to you.
To call tools, answer with one JSON object and nothing else, in this form:
{"tool_calls": [{"name": "<tool>", "arguments": {<its parameters>}}]}
Put several calls into the one list. Use only names from the list. Arguments must be valid JSON with double quotes.
Never invent a result. When you need no tool, answer with {"final": "<your answer>"} or in plain text.
Tools, one a line:
"""
_REMINDER: Final = """\
To call tools, answer with one JSON object and nothing else: {"tool_calls": [{"name": "<tool>", "arguments": {}}]}
Your tools, with the parameters that you were told: """
_AND_MORE_BYTES: Final = 20
_SEARCHED_CHARS: Final = 20_000
"""Characters of a user's text, its last ones, in which tools are looked for: once a tool, of which there may be a thousand."""
_NO_CALL: Final = "Do not call any tool in your next answer: answer in plain text."
_MUST_CALL: Final = "Your next answer must be a tool call."
_ONE_CALL: Final = "Make at most one tool call in your next answer."

_encode = msgspec.json.Encoder().encode


def standing(tools: Sequence[FunctionTool], description_max_chars: int) -> str:
    """The form of a call and the tools with their parameters.

    Args:
        tools: at least one.
        description_max_chars: a longer description loses its end; 0: none does.
    """
    return _FORM + "\n".join(_line(tool, description_max_chars) for tool in tools)


def brief_standing(tools: Sequence[FunctionTool]) -> str:
    """The same with names of parameters only, for where the whole does not fit."""
    return _FORM + "\n".join(f"{tool.name}({', '.join(_parameter_names(tool))})" for tool in tools)


def reminder(tools: Sequence[FunctionTool], limit_bytes: int) -> str:
    """The form and the tools' names, for a site that was told all of it before: as many names as there is room for."""
    told = _REMINDER
    for place, tool in enumerate(tools):
        more = f"{', ' if place else ''}{tool.name}"
        if len(told.encode()) + len(more.encode()) > limit_bytes - _AND_MORE_BYTES:
            return f"{told} and {len(tools) - place} more."
        told += more
    return f"{told}."


def _line(tool: FunctionTool, description_max_chars: int) -> str:
    told: dict[str, Any] = {"name": tool.name}
    if tool.description:
        told["description"] = shortened_description(tool.description, description_max_chars)
    if tool.parameters is not None:
        told["parameters"] = tool.parameters
    return _encode(told).decode()


def shortened_description(description: str, limit: int) -> str:
    """The description's beginning with a mark behind it; the very text if it is no longer, or if `limit` is 0."""
    return description if not limit or len(description) <= limit else f"{description[: limit - 1]}\u2026"


def _parameter_names(tool: FunctionTool) -> list[str]:
    properties = (tool.parameters or {}).get("properties")
    return list(properties) if isinstance(properties, dict) else []


def for_now(offer: Offer) -> str:
    """What holds for the next answer; empty if nothing beyond the standing part does."""
    choice = offer.choice
    if choice.mode is CallMode.NEVER:
        return _NO_CALL
    sentences = [_MUST_CALL] if choice.mode is CallMode.ALWAYS else []
    if choice.names is not None:
        allowed = [tool.name for tool in offer.functions if tool.name in choice.names]
        sentences.append(f"It may only call: {', '.join(allowed) or 'nothing'}.")
    if offer.single:
        sentences.append(_ONE_CALL)
    return " ".join(sentences)


def selected(offer: Offer, turn: Turn, max_count: int | None) -> tuple[FunctionTool, ...]:
    """The tools to be told, at most so many (None: all), in the client's order.

    First those that the choice names, then those that were called before, then those that the newest user text mentions,
    then the client's first ones.
    """
    if max_count is None or len(offer.functions) <= max_count:
        return offer.functions
    demanded = offer.choice.names or frozenset()
    called = set(names_of_calls(turn.messages).values())
    said = _newest_user_text(turn.messages)[-_SEARCHED_CHARS:]

    def rank(tool: FunctionTool) -> int:
        if tool.name in demanded:
            return 0
        if tool.name in called:
            return 1
        return 2 if tool.name in said else 3

    kept = {tool.name for tool in sorted(offer.functions, key=rank)[:max_count]}
    return tuple(tool for tool in offer.functions if tool.name in kept)


def _newest_user_text(messages: list[Message]) -> str:
    return next((text_of(message) for message in reversed(messages) if message.role == "user"), "")


def text_of(message: Message) -> str:
    """A message's text; parts that are not text say nothing here."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "\n".join(part["text"] for part in message.content if is_text(part))


def calls_text(calls: Iterable[MessageToolCall]) -> str:
    """Calls as the site itself would have written them; arguments that are no JSON stand as the text that they are."""
    written = []
    for call in calls:
        function = call.function or FunctionCall(name="")
        written.append({"id": call.id, "name": function.name, "arguments": _arguments(function.arguments)})
    return _encode({"tool_calls": written}).decode()


def _arguments(text: str) -> Any:
    """The text's own JSON, so that numbers and the order of keys stay as they were."""
    if not text.strip():
        return {}
    try:
        # `Raw`, because what is in it is of no interest: a value made of every one of a million numbers takes seconds.
        return msgspec.json.decode(text.encode(), type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return text


def with_calls_in_text(message: Message) -> Message:
    """An assistant's message whose calls stand in its text, too: that is where a site without native tools put them."""
    calls = [call for call in message.tool_calls or () if call.function is not None]
    if not calls:
        return message
    said = text_of(message)
    content = f"{said}\n{calls_text(calls)}" if said else calls_text(calls)
    return msgspec.structs.replace(message, content=content)


def results_text(messages: list[Message], names: Mapping[str, str], site_ids: Mapping[str, str]) -> str:
    """The results that are the newest messages, in words; empty if the newest message is none.

    Args:
        messages: what is sent, shortened already.
        names: what results name (`result_key`) -> the called function's name, for all calls of the request's history.
        site_ids: what results name (`result_key`) -> the site's own id of that call, as `messages` has it.
    """
    told: list[str] = []
    for message in reversed(messages):
        key = result_key(message)
        if not key:
            break
        name = names.get(key) or message.name or key
        known_as = site_ids.get(key) or (short_id(message.tool_call_id) if message.tool_call_id else key)
        told.append(f"Result of {name} ({known_as}):\n{text_of(message)}")
    return "\n\n".join(reversed(told))
