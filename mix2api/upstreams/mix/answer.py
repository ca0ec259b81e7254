"""The site's answer that is not a stream, in all its forms, as the events that a stream would have given. Pure."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from mix2api.upstreams.damage import NOT_JSON, without_depths
from mix2api.upstreams.mix.frames import (
    NOTHING_SAID,
    ONE_SKIPPED,
    Metadata,
    SiteId,
    id_text,
    input_text,
    metadata_of,
)
from mix2api.upstreams.port import (
    Finished,
    Reasoning,
    Started,
    Text,
    ToolInputAvailable,
    UpstreamEvent,
)
from mix2api.upstreams.site_errors import SiteError, error_in_text, error_of, failed
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.upstreams.usage import usage_seen
from mix2api.wire.halves import without_halves

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PARTS_MAX: Final = 10_000
"""Parts, and calls, of an answer: each becomes an event, and all of them in one step."""


class _Part(Struct, frozen=True):
    """An element of `parts`; which fields count depends on the type."""

    type: str
    text: str = ""
    tool_name: str = ""
    tool_input: Raw = NOTHING_SAID
    tool_call_id: str | int | None = None
    error_text: str = ""


class _ToolCall(Struct, frozen=True, rename="camel"):
    tool_call_id: str | int
    tool_name: str
    input: Raw = NOTHING_SAID


class _Answer(Struct, frozen=True, rename="camel"):
    """All forms at once: they share no field with different meanings."""

    content: str | None = None
    text: str | None = None
    parts: list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None
    error: Raw = NOTHING_SAID
    finish_reason: str | None = None
    session_id: SiteId | None = None
    exchange_id: SiteId | None = None
    message_metadata: Raw = NOTHING_SAID
    usage: Raw = NOTHING_SAID


_decode: Final = msgspec.json.Decoder(_Answer).decode


def events_of_answer(body: bytes, *, session_known: bool) -> list[UpstreamEvent]:
    """The whole answer: `Started`, content, usage, and an ending.

    Args:
        body: JSON.
        session_known: the turn continues a session: an `exchangeId` alone then does not stand for the session.

    Raises:
        MalformedAnswer: see there.
    """
    try:
        answer = _answer_in(body)
        metadata = metadata_of(answer.message_metadata)
        started = _started(answer, metadata, session_known=session_known)
        return [started, *_content(answer), *_usage(answer, metadata), *_ending(answer, body)]
    except NOT_JSON:
        raise MalformedAnswer from None


def _answer_in(body: bytes) -> _Answer:
    try:
        return _decode(body.removeprefix(_BYTE_ORDER_MARK))
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _decode(without_halves(body.removeprefix(_BYTE_ORDER_MARK)))
    except RecursionError:
        shallow = without_depths(body)
        answer = _decode(shallow)
        if answer.parts or answer.tool_calls:
            raise  # a call's input would be another one
        return answer


def _started(answer: _Answer, metadata: Metadata, *, session_known: bool) -> Started:
    exchange = id_text(metadata.exchange_id or answer.exchange_id)
    session = id_text(metadata.session_id or answer.session_id)
    return Started(session or (None if session_known else exchange), exchange)


def _content(answer: _Answer) -> list[UpstreamEvent]:
    if max(len(answer.parts or ()), len(answer.tool_calls or ())) > _PARTS_MAX:
        raise MalformedAnswer
    events: list[UpstreamEvent] = []
    text = answer.content if answer.content is not None else answer.text
    if text:
        events.append(Text(text))
    for place, part in enumerate(answer.parts or ()):
        # A whole text beside parts is the same text once more.
        events.append(ONE_SKIPPED if part.type == "text" and text else _part_event(part, place))
    events += [
        ToolInputAvailable(str(call.tool_call_id), call.tool_name, input_text(call.input))
        for call in answer.tool_calls or ()
    ]
    return events


def _part_event(part: _Part, place: int) -> UpstreamEvent:
    match part.type:
        case "text" if part.text:
            return Text(part.text)
        case "reasoning" if part.text:
            return Reasoning(part.text)
        case "tool-input":
            # This form gives calls no id: their place is unique within the answer, which is all that is asked of one.
            call_id = id_text(part.tool_call_id) or f"part-{place}"
            return ToolInputAvailable(call_id, part.tool_name, input_text(part.tool_input))
        case "error":
            return failed(error_in_text(part.error_text))
        case _:
            return ONE_SKIPPED


def _usage(answer: _Answer, metadata: Metadata) -> list[UpstreamEvent]:
    usage = usage_seen(answer.usage) or usage_seen(metadata.usage)
    return [usage] if usage is not None else []


def _ending(answer: _Answer, body: bytes) -> list[UpstreamEvent]:
    has_form = any(
        form is not None for form in (answer.content, answer.text, answer.parts, answer.tool_calls)
    )
    if bytes(answer.error) or not has_form:
        error = _error_in(answer, body, has_form=has_form)
        if error is not None:
            return [failed(error)]
    if not has_form:
        raise MalformedAnswer
    if any(part.type == "error" for part in answer.parts or ()):
        return []
    return [Finished(answer.finish_reason)]


def _error_in(answer: _Answer, body: bytes, *, has_form: bool) -> SiteError | None:
    """The error that an answer tells of: beside content only under `error`, else in any of the shapes that sites use."""
    try:
        said = msgspec.json.decode(b'{"error":%b}' % bytes(answer.error) if has_form else body)
    except NOT_JSON:
        return SiteError("") if bytes(answer.error) else None
    return error_of(said)
