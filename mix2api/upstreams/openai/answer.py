"""An answer of Chat Completions that is not a stream, as the events that a stream would have given. Pure."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.openai.chunks import Fields, beside_calls, rest, says
from mix2api.upstreams.port import (
    Finished,
    Reasoning,
    Text,
    ToolInputAvailable,
    UpstreamEvent,
)
from mix2api.upstreams.site_errors import failed, words_of
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.upstreams.usage import usage_seen
from mix2api.wire.halves import without_halves
from mix2api.wire.passed_on import PassedOn

_OWN: Final = frozenset({"id", "object", "created", "model", "choices", "usage"})
_CHOICE: Final = frozenset({"index", "message", "finish_reason"})
_MESSAGE: Final = frozenset({"role", "content", "reasoning_content", "reasoning", "tool_calls"})

_fields: Final = msgspec.json.Decoder(Fields).decode
_several: Final = msgspec.json.Decoder(list[Fields]).decode


def events_of_answer(body: bytes, *, session_known: bool = False) -> list[UpstreamEvent]:
    """The whole answer: content, what passes, usage, and an ending.

    Args:
        body: JSON.
        session_known: never, with this kind.

    Raises:
        MalformedAnswer: neither a completion nor an error.
    """
    del session_known
    try:
        return _events(body)
    except msgspec.ValidationError:
        raise MalformedAnswer from None
    except NOT_JSON:
        pass
    try:
        return _events(without_halves(body))
    except NOT_JSON:
        raise MalformedAnswer from None


def _events(body: bytes) -> list[UpstreamEvent]:
    fields = _fields(body)
    if says(fields.get("error")) or not says(fields.get("choices")):
        return [failed(words_of(msgspec.json.decode(body)))]
    choices = _several(fields["choices"])
    if not choices:
        raise MalformedAnswer
    choice = choices[0]
    message = _fields(choice["message"]) if says(choice.get("message")) else {}
    calls = _several(message["tool_calls"]) if says(message.get("tool_calls")) else []
    passed_on = PassedOn(
        delta=rest(message, _MESSAGE) | beside_calls(calls),
        choice=rest(choice, _CHOICE),
        chunk=rest(fields, _OWN),
    )
    usage = usage_seen(fields.get("usage", Raw(b"")))
    return [
        *_texts(message),
        *(_call(call, place) for place, call in enumerate(calls)),
        *([passed_on] if passed_on.delta or passed_on.choice or passed_on.chunk else []),
        *([usage] if usage is not None else []),
        Finished(_value(choice.get("finish_reason"), str | None)),
    ]


def _texts(message: Fields) -> list[UpstreamEvent]:
    thought = _value(message.get("reasoning_content"), str | None) or _value(
        message.get("reasoning"), str | None
    )
    content = _value(message.get("content"), str | list[dict[str, Any]] | None)
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content)
    events: list[UpstreamEvent] = [Reasoning(thought)] if thought else []
    return [*events, Text(content)] if content else events


def _call(call: Fields, place: int) -> UpstreamEvent:
    function = _fields(call["function"]) if says(call.get("function")) else {}
    call_id = _value(call.get("id"), str | None) or f"call-{place}"
    name = _value(function.get("name"), str | None) or ""
    return ToolInputAvailable(call_id, name, _value(function.get("arguments"), str | None) or "")


def _value(raw: Raw | None, of: Any) -> Any:
    return None if raw is None else msgspec.json.decode(raw, type=of)
