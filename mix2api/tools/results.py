"""Tool results in a request's history: whether each answers a call, and how long ones are cut. Pure.

The check is what keeps a loop honest: a result that belongs to no call, or a call whose result got lost, would leave the
model guessing. The ids in question are quoted in the error where they have the usual form.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from mix2api.errors import InvalidRequest
from mix2api.wire.turn import Message, MessageToolCall, is_text

MISMATCH: Final = "tool_call_id_mismatch"
_QUOTED_IDS: Final = 20
"""More would not help anybody to find the mistake."""
_QUOTED_CHARS: Final = 64
"""Of a function's name: OpenAI allows so many."""
_QUOTED_ID_CHARS: Final = 128
_BY_NAME: Final = "function "
"""Before what a legacy result names, in its key."""


@frozen
class _Call:
    """What a result must name. Legacy calls have no id: the function's name stands for it."""

    key: str
    legacy: bool = False


def check_results(messages: list[Message]) -> None:
    """Every result answers a call before it, every call is answered before the user speaks again or the model is asked.

    Results may come in any order, and assistant or system messages may stand between a call and its result.

    Raises:
        InvalidRequest: code `tool_call_id_mismatch`, param `messages`; the text says what is wrong and names the ids.
    """
    open_calls = _OpenCalls()
    for message in messages:
        match message.role:
            case "assistant":
                open_calls.ask(message)
            case "tool":
                open_calls.answer(_Call(message.tool_call_id or ""))
            case "function":
                open_calls.answer_legacy(message.name or "")
            case "user":
                open_calls.close("before the next user message")
            case _:
                pass
    open_calls.close("in the request")


@define
class _OpenCalls:
    """The calls that wait for a result. Counted, because histories of other models repeat ids."""

    waiting: Counter[_Call] = field(factory=Counter)
    names: dict[_Call, str] = field(factory=dict)
    by_name: dict[str, dict[_Call, None]] = field(factory=dict)
    """A function's name -> its calls in `waiting`, the oldest first: a history may hold thousands."""
    answered: set[_Call] = field(factory=set)

    def ask(self, message: Message) -> None:
        for call in message.tool_calls or ():
            self._wait(_Call(call.id), _name_of(call))
        if message.function_call is not None and not message.tool_calls:
            name = message.function_call.name
            self._wait(_Call(name, legacy=True), name)

    def _wait(self, call: _Call, name: str) -> None:
        if self.waiting[call]:
            del self.by_name[self.names[call]][call]
        self.waiting[call] += 1
        self.names[call] = name
        self.by_name.setdefault(name, {})[call] = None

    def answer(self, call: _Call) -> None:
        if not self.waiting[call]:
            raise self._unasked(call)
        self._settle(call)

    def answer_legacy(self, name: str) -> None:
        """A result by name: of the legacy call, else of any waiting call of that function."""
        legacy = _Call(name, legacy=True)
        oldest = next(iter(self.by_name.get(name, ())), legacy)
        self.answer(legacy if self.waiting[legacy] else oldest)

    def close(self, when: str) -> None:
        unanswered = list(self.waiting.elements())
        if unanswered:
            raise _mismatch(
                f"These tool calls have no result {when}: {_quoted(unanswered)}. "
                "Each call needs one message with role 'tool' and its 'tool_call_id'."
            )

    def _settle(self, call: _Call) -> None:
        self.waiting[call] -= 1
        if not self.waiting[call]:
            del self.waiting[call]
            del self.by_name[self.names[call]][call]
        self.answered.add(call)

    def _unasked(self, call: _Call) -> InvalidRequest:
        if call in self.answered:
            return _mismatch(f"There is more than one result for the same tool call: {_quoted([call])}.")
        if not self.names:
            return _mismatch(f"There is a tool result and no tool call before it: {_quoted([call])}.")
        return _mismatch(f"There is a result for a tool call that was never made: {_quoted([call])}.")


def _name_of(call: MessageToolCall) -> str:
    if call.function is not None:
        return call.function.name
    name = (call.custom or {}).get("name")
    return name if isinstance(name, str) else ""


def _quoted(calls: Iterable[_Call]) -> str:
    listed = list(dict.fromkeys(calls))
    shown = [_shown(call) for call in listed[:_QUOTED_IDS]]
    more = len(listed) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _shown(call: _Call) -> str:
    if call.legacy:
        printable = call.key.isascii() and call.key.isprintable() and len(call.key) <= _QUOTED_CHARS
        return f"function '{call.key}'" if printable else "a function with a name that cannot be shown"
    if call.key.isascii() and call.key.isprintable() and len(call.key) <= _QUOTED_ID_CHARS:
        return f"'{call.key}'"
    return f"an id of {len(call.key)} characters"


def _mismatch(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="messages", code=MISMATCH)


def result_key(message: Message) -> str:
    """What a result says of its call: the id, or `function <name>`, which no id's key is; empty for other messages."""
    match message.role:
        case "tool":
            return _id_key(message.tool_call_id or "")
        case "function":
            return f"{_BY_NAME}{message.name or ''}"
        case _:
            return ""


def _id_key(call_id: str) -> str:
    return f"id {call_id}" if call_id.startswith(_BY_NAME) else call_id


def shortened(message: Message, limit: int) -> Message:
    """The message with at most `limit` characters of text; its very self if it has no more, or if `limit` is 0.

    Both ends are kept, because outputs of commands say what went wrong at their end and what was asked at their start.
    Parts that are not text stay whole: half an image is none.
    """
    content = message.content
    if not limit:
        return message
    if isinstance(content, str) and len(content) > limit:
        return msgspec.structs.replace(message, content=without_middle(content, limit))
    if isinstance(content, list) and _text_chars(content) > limit:
        return msgspec.structs.replace(message, content=_shortened_parts(content, limit))
    return message


def without_middle(text: str, limit: int) -> str:
    """The text's two ends with a mark between them, `limit` characters in all; where that does not fit, the head and `…`."""
    mark = f"\n[… {len(text) - limit} characters left out …]\n"
    room = limit - len(mark)
    if room < len(mark):
        return f"{text[: max(0, limit - 1)]}\u2026"
    tail = room // 2
    return text[: room - tail] + mark + text[len(text) - tail :]


def text_chars(message: Message) -> int:
    """Characters of a message's text, all its parts together."""
    content = message.content
    return _text_chars(content) if isinstance(content, list) else len(content or "")


def _text_chars(parts: list[dict[str, Any]]) -> int:
    return sum(len(part["text"]) for part in parts if is_text(part))


def _shortened_parts(parts: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """All text as one part where the first one stood."""
    text = "\n".join(part["text"] for part in parts if is_text(part))
    kept = [part for part in parts if not is_text(part)]
    first = next(place for place, part in enumerate(parts) if is_text(part))
    return [*kept[:first], parts[first] | {"text": without_middle(text, limit)}, *kept[first:]]


def names_of_calls(messages: Iterable[Message]) -> dict[str, str]:
    """What results may name (`result_key`) -> the called function's name, for all calls of a history."""
    names: dict[str, str] = {}
    for message in messages:
        names.update({_id_key(call.id): _name_of(call) for call in message.tool_calls or ()})
        if message.function_call is not None:
            names[f"{_BY_NAME}{message.function_call.name}"] = message.function_call.name
    return names
