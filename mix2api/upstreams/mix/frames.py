"""One frame of the site's stream to upstream events: pure, typed by its `type`, fast for deltas.

Frames are the AI SDK's UI-message chunks, versions 5 to 7 (recordings stand in `tests/data/frames`). Types that are
not listed here are skipped; a known type with wrong fields is a fault, because guessing would lose text.
"""

from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec
from msgspec import Raw, Struct

from mix2api.upstreams.damage import NOT_JSON, without_depths
from mix2api.upstreams.idle_frames import is_idle, says_nothing
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Finished,
    IdsSeen,
    Reasoning,
    Skipped,
    Started,
    StepFinished,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputDelta,
    ToolInputStarted,
    ToolOutputSeen,
    UpstreamEvent,
)
from mix2api.upstreams.site_errors import SiteError, error_in_text, error_of, failed, words_of
from mix2api.upstreams.usage import usage_seen

NOTHING_SAID: Final = Raw(b"")
"""The default of values that are taken as they stand; msgspec knows no `Raw | None`."""
ONE_SKIPPED: Final = Skipped(1)
SiteId = str | int | float
"""An id of the site's own, as it may be written. Without `int`, msgspec would read a large number as a float."""


class MalformedFrame(Exception):
    """Not JSON, not an object, or a known type with wrong fields."""


class Metadata(Struct, frozen=True, rename="camel"):
    """`messageMetadata`: what the site attaches to a message. Of damage in it only that to an id costs the answer."""

    session_id: SiteId | None = None
    exchange_id: SiteId | None = None
    usage: Raw = NOTHING_SAID


_NO_METADATA: Final = Metadata()
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode


def metadata_of(raw: Raw) -> Metadata:
    """The metadata in a value; none where it is no object.

    Raises:
        msgspec.ValidationError: an id in it is neither a text nor a whole number.
    """
    return _decode_metadata(raw) if bytes(raw)[:1] == b"{" else _NO_METADATA


class _Tagged(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    """Any frame but deltas may name the ids, in its metadata or beside its type."""

    message_metadata: Raw = NOTHING_SAID
    session_id: SiteId | None = None
    exchange_id: SiteId | None = None


class _Start(_Tagged, frozen=True, tag="start"): ...


class _MessageMetadata(_Tagged, frozen=True, tag="message-metadata"): ...


class _StartStep(_Tagged, frozen=True, tag="start-step"): ...


class _FinishStep(_Tagged, frozen=True, tag="finish-step"): ...


class _TextStart(_Tagged, frozen=True, tag="text-start"): ...


class TextDelta(Struct, frozen=True, tag_field="type", tag="text-delta"):
    """A piece of the answer: nearly every frame is one."""

    delta: str | None


class _TextEnd(_Tagged, frozen=True, tag="text-end"): ...


class _ReasoningStart(_Tagged, frozen=True, tag="reasoning-start"): ...


class _ReasoningDelta(Struct, frozen=True, tag_field="type", tag="reasoning-delta"):
    delta: str | None


class _ReasoningEnd(_Tagged, frozen=True, tag="reasoning-end"): ...


class _ToolInputStart(_Tagged, frozen=True, kw_only=True, tag="tool-input-start"):
    tool_call_id: str | int
    tool_name: str


class _ToolInputDelta(Struct, frozen=True, rename="camel", tag_field="type", tag="tool-input-delta"):
    tool_call_id: str | int
    input_text_delta: str | None


class _ToolInputAvailable(_Tagged, frozen=True, kw_only=True, tag="tool-input-available"):
    tool_call_id: str | int
    tool_name: str
    input: Raw = NOTHING_SAID


class _ToolInputError(_Tagged, frozen=True, kw_only=True, tag="tool-input-error"):
    tool_call_id: str | int
    tool_name: str = ""


class _ToolOutputAvailable(_Tagged, frozen=True, kw_only=True, tag="tool-output-available"):
    tool_call_id: str | int


class _ToolOutputError(_Tagged, frozen=True, kw_only=True, tag="tool-output-error"):
    tool_call_id: str | int


class _DataUsage(_Tagged, frozen=True, kw_only=True, tag="data-usage"):
    data: Raw = NOTHING_SAID


class _Error(_Tagged, frozen=True, kw_only=True, tag="error"):
    error_text: str | None = None


class _Abort(_Tagged, frozen=True, tag="abort"): ...


class _Finish(_Tagged, frozen=True, kw_only=True, tag="finish"):
    finish_reason: str | None = None


class _Unlisted(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is tried where no listed type fits: another type, or the error object of a gateway before the site."""

    type: str | None = None
    error: Raw = NOTHING_SAID
    message_metadata: Raw = NOTHING_SAID
    session_id: SiteId | None = None
    exchange_id: SiteId | None = None


_Frame = (
    _Start
    | _MessageMetadata
    | _StartStep
    | _FinishStep
    | _TextStart
    | TextDelta
    | _TextEnd
    | _ReasoningStart
    | _ReasoningDelta
    | _ReasoningEnd
    | _ToolInputStart
    | _ToolInputDelta
    | _ToolInputAvailable
    | _ToolInputError
    | _ToolOutputAvailable
    | _ToolOutputError
    | _DataUsage
    | _Error
    | _Abort
    | _Finish
)

decode: Final = msgspec.json.Decoder(_Frame).decode
"""One frame of a listed type. Raises what `events_of` expects (`NOT_JSON` has all of it)."""
_decode_unlisted: Final = msgspec.json.Decoder(_Unlisted).decode
_LISTED: Final = frozenset(str(frame.__struct_config__.tag) for frame in get_args(_Frame))

_MEANINGS: Final[dict[type[Struct], Callable[[Any], UpstreamEvent]]] = {
    TextDelta: lambda frame: Text(frame.delta) if frame.delta else ONE_SKIPPED,
    _ReasoningDelta: lambda frame: Reasoning(frame.delta) if frame.delta else ONE_SKIPPED,
    _ToolInputDelta: lambda frame: (
        ToolInputDelta(str(frame.tool_call_id), frame.input_text_delta)
        if frame.input_text_delta
        else ONE_SKIPPED
    ),
    _ToolInputStart: lambda frame: ToolInputStarted(str(frame.tool_call_id), frame.tool_name),
    _ToolInputAvailable: lambda frame: ToolInputAvailable(
        str(frame.tool_call_id), frame.tool_name, input_text(frame.input)
    ),
    _ToolInputError: lambda frame: ToolInputBroken(str(frame.tool_call_id), frame.tool_name),
    _ToolOutputAvailable: lambda frame: ToolOutputSeen(str(frame.tool_call_id)),
    _ToolOutputError: lambda frame: ToolOutputSeen(str(frame.tool_call_id)),
    _FinishStep: lambda _: StepFinished(),
    _Finish: lambda frame: Finished(frame.finish_reason),
    _Error: lambda frame: failed(error_in_text(frame.error_text or "")),
    _Abort: lambda _: AbortedByUpstream(),
}
"""What a frame means beside ids and usage. A type without a row (borders, mostly) means nothing more."""


def events_of(payload: bytes) -> list[UpstreamEvent]:
    """What one frame says, in this order: ids, usage, then what its type means; at least one event.

    Raises:
        MalformedFrame: see there.
    """
    try:
        frame = decode(payload)
    except msgspec.ValidationError:
        return _unlisted_events(payload)
    except RecursionError:
        return _shallow_events(payload)
    except NOT_JSON:
        return _damaged_events(payload)
    return meant_by(frame, payload)


def meant_by(frame: Struct, payload: bytes) -> list[UpstreamEvent]:
    """What a frame says that was decoded already; otherwise as `events_of`.

    Raises:
        MalformedFrame: see there.
    """
    meaning = _MEANINGS.get(type(frame))
    try:
        events = _attached(frame) if isinstance(frame, _Tagged) else []
        if meaning is not None:
            events.append(meaning(frame))
    except NOT_JSON:
        raise MalformedFrame from None
    if type(frame) is _Error and not frame.error_text:
        events[-1] = failed(_error_elsewhere(payload))
    return events or [ONE_SKIPPED]


def _error_elsewhere(payload: bytes) -> SiteError:
    """The error in a frame without `errorText`: Anthropic's frames, and others', have their words in another place."""
    try:
        said = msgspec.json.decode(payload)
    except NOT_JSON:
        return SiteError("")
    return words_of({key: value for key, value in said.items() if key != "type"})


def _damaged_events(payload: bytes) -> list[UpstreamEvent]:
    """What a frame says that is no JSON: nothing, if it is a word that keeps the stream open."""
    if says_nothing(payload):
        return [ONE_SKIPPED]
    raise MalformedFrame


def _shallow_events(payload: bytes) -> list[UpstreamEvent]:
    """What a frame says whose metadata is nested without end. A tool call is refused: its input would be another one."""
    shallow = without_depths(payload)
    if shallow == payload:
        raise MalformedFrame
    events = events_of(shallow)
    if isinstance(events[-1], ToolInputAvailable):
        raise MalformedFrame
    return events


def input_text(raw: Raw) -> str:
    """A tool call's input as JSON text, empty if the site gave none; an object that is given as a string is that object."""
    text = str(raw, "utf-8")
    if text.startswith('"'):
        text = _object_in(raw) or text
    return "" if text in _NO_INPUT else text


_NO_INPUT: Final = frozenset({"", "null", '""'})


def _object_in(raw: Raw) -> str | None:
    """The text of the JSON object that a JSON string holds; None if it holds anything else."""
    try:
        text: str = msgspec.json.decode(raw)
        return text if isinstance(msgspec.json.decode(text), dict) else None
    except NOT_JSON:
        return None


def id_text(said: SiteId | None) -> str | None:
    """An id as text: some sites count theirs, and some write whole numbers as floats. None if nothing was said."""
    if said is None or isinstance(said, str):
        return said
    return str(int(said) if isinstance(said, float) and said.is_integer() else said)


def _attached(frame: _Tagged | _Unlisted) -> list[UpstreamEvent]:
    """Ids and usage that came with a frame."""
    told = frame.message_metadata
    metadata = _NO_METADATA if told is NOTHING_SAID else metadata_of(told)
    session = metadata.session_id or frame.session_id
    exchange = metadata.exchange_id or frame.exchange_id
    events: list[UpstreamEvent] = []
    if isinstance(frame, _Start):
        events.append(Started(id_text(session), id_text(exchange)))
    elif session or exchange:
        events.append(IdsSeen(id_text(session), id_text(exchange)))
    counts = frame.data if isinstance(frame, _DataUsage) else metadata.usage
    usage = None if counts is NOTHING_SAID else usage_seen(counts)
    if usage is not None:
        events.append(usage)
    return events


def _unlisted_events(payload: bytes) -> list[UpstreamEvent]:
    """What a frame of another type says: its ids, an error, or nothing; a listed type with wrong fields is refused."""
    if says_nothing(payload):
        return [ONE_SKIPPED]
    try:
        frame = _decode_unlisted(payload)
        attached = _attached(frame)
    except RecursionError:
        return _shallow_events(payload)
    except NOT_JSON:
        raise MalformedFrame from None
    if frame.type in _LISTED:
        raise MalformedFrame
    if frame.type is None and is_idle(payload):
        return attached or [ONE_SKIPPED]
    error = _error_in(payload, frame)
    if error is not None:
        return [failed(error)]
    if frame.type is None and not attached:
        raise MalformedFrame
    return attached or [ONE_SKIPPED]


def _error_in(payload: bytes, frame: _Unlisted) -> SiteError | None:
    """The error that a frame without a type is, or that a typed one holds under `error`."""
    if frame.type is not None and not bytes(frame.error):
        return None
    try:
        said = msgspec.json.decode(payload if frame.type is None else b'{"error":%b}' % bytes(frame.error))
    except NOT_JSON:
        return SiteError("") if bytes(frame.error) else None
    return error_of(said)
