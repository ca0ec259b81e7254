"""What a trace with content holds of a turn: the newest messages and the answer, redacted, and how much was left out.

Two steps, because a run must not wait for the second: `excerpt_of` cuts out what may be kept, and `redacted` masks it.
Both take constant time, however long the turn is.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import frozen
from msgspec import Struct

from mix2api.redaction import SCAN_MARGIN, redact_text
from mix2api.wire.turn import Message, MessageToolCall, is_text

MESSAGES_MAX: Final = 20
"""Newest messages of a request that are kept: the last turns of an agent."""
CALLS_MAX: Final = 20
"""Calls of an answer, or of one message."""
PARTS_MAX: Final = 50
"""Parts of one message, or pieces of an answer, that are looked at beyond those that fill `TEXT_MAX`."""
TEXT_MAX: Final = 4000
"""Characters of one text that are kept. So a trace has some 100 kB at most, and 4 kB usually."""


class Said(Struct, frozen=True):
    """One text: a message's, a call's arguments, or the answer's."""

    role: str
    """The message's, or `reasoning`; `call NAME` for a tool call."""
    text: str
    """Redacted, at most `TEXT_MAX` characters; a cut text ends in `…`."""


class TracedContent(Struct, frozen=True, kw_only=True):
    """What was said in one run."""

    asked: tuple[Said, ...]
    """The newest messages of the request, in their order."""
    left_out: int
    """Messages before them."""
    answered: tuple[Said, ...]


@frozen(kw_only=True)
class GivenAnswer:
    """What the client was given, in the pieces in which it came."""

    thoughts: Sequence[str] = ()
    texts: Sequence[str] = ()
    calls: Sequence[MessageToolCall] = ()


def excerpt_of(messages: Sequence[Message], answer: GivenAnswer) -> TracedContent:
    """What may be kept, in clear and with a margin: `redacted` comes before anything else is done with it."""
    asked = [said for message in messages[-MESSAGES_MAX:] for said in _of_message(message)]
    spoken = [Said("reasoning", _joined(answer.thoughts)), Said("assistant", _joined(answer.texts))]
    return TracedContent(
        asked=tuple(asked),
        left_out=max(0, len(messages) - MESSAGES_MAX),
        answered=(*(said for said in spoken if said.text), *_of_calls(answer.calls)),
    )


def redacted(content: TracedContent) -> TracedContent:
    """The same without what looks like a credential, each text cut to `TEXT_MAX`."""
    return TracedContent(
        asked=tuple(map(_redacted, content.asked)),
        left_out=content.left_out,
        answered=tuple(map(_redacted, content.answered)),
    )


def _redacted(said: Said) -> Said:
    return Said(redact_text(said.role), redact_text(said.text, TEXT_MAX))


def _of_message(message: Message) -> Iterator[Said]:
    yield Said(message.role, _text_of(message.content))
    yield from _of_calls(message.tool_calls or ())
    if message.function_call is not None:
        yield Said(f"call {message.function_call.name}", _cut(message.function_call.arguments))


def _of_calls(calls: Sequence[MessageToolCall]) -> Iterator[Said]:
    for call in calls[:CALLS_MAX]:
        if call.function is not None:
            yield Said(f"call {call.function.name}", _cut(call.function.arguments))
        else:
            yield Said(f"call {call.type}", "")
    if len(calls) > CALLS_MAX:
        yield Said("calls", f"and {len(calls) - CALLS_MAX} more")


def _text_of(content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return _cut(content or "")
    return _joined([_of_part(part) for part in content[:PARTS_MAX]], len(content) - PARTS_MAX)


def _of_part(part: dict[str, Any]) -> str:
    return _cut(part["text"]) if is_text(part) else f"[{part.get('type')}]"


def _joined(pieces: Iterable[str], more: int = 0) -> str:
    """The beginning of a text in pieces: no more of them than fill it."""
    taken, room = [], TEXT_MAX + SCAN_MARGIN
    for piece in pieces:
        taken.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    if more > 0:
        taken.append(f" [and {more} more parts]")
    return "".join(taken)


def _cut(text: str) -> str:
    return text[: TEXT_MAX + SCAN_MARGIN]
