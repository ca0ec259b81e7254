"""One chunk of a stream of Chat Completions, decoded. Pure, and fast for the usual chunk.

A chunk is decoded twice at most. The first decoder knows the fields that servers send as a matter of course, and takes no
others. What it refuses is read field by field (`split`), and the fields that mean nothing to us are kept as they came.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, convert

from mix2api.upstreams.damage import NOT_JSON
from mix2api.wire.halves import without_halves
from mix2api.wire.passed_on import PassedOn

Fields = dict[str, Raw]
_NOTHING: Final = Raw(b"")


class MalformedChunk(Exception):
    """Not JSON, not an object, or a known field of another type."""


class CalledFunction(Struct, frozen=True):
    """What a piece of a call says of its function."""

    name: str | None = None
    arguments: str | None = None


class CallDelta(Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of a tool call."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: CalledFunction | None = None


class Delta(Struct, frozen=True, forbid_unknown_fields=True):
    """What a chunk adds to the message. `refusal` and the legacy call are fields that pass, unless they are null."""

    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallDelta] | None = None
    refusal: None = None
    function_call: None = None


_NO_DELTA: Final = Delta()


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """The one choice of a chunk."""

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: None = None


class _Known(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Fields of a chunk beside its choice and usage."""

    id: str | None = None
    object: str | None = None
    created: int | float | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str | None = None

    def about(self) -> dict[str, str]:
        """As `Chunk.about`."""
        if self.system_fingerprint is None and self.service_tier is None:
            return {}
        named = {"system_fingerprint": self.system_fingerprint, "service_tier": self.service_tier}
        return {name: msgspec.json.encode(text).decode() for name, text in named.items() if text is not None}


class _Usual(_Known, frozen=True, kw_only=True):
    """A chunk with no field that we do not know."""

    choices: list[Choice]
    usage: Raw = _NOTHING


class _TextDelta(Struct, frozen=True, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    reasoning_content: None = None
    reasoning: None = None
    tool_calls: None = None
    refusal: None = None
    function_call: None = None


class _TextChoice(Struct, frozen=True, forbid_unknown_fields=True):
    delta: _TextDelta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None


class TextChunk(_Known, frozen=True, kw_only=True):
    """A usual chunk that adds a text to the message and says nothing else."""

    choices: tuple[_TextChoice]
    usage: None = None


class Chunk(Struct, frozen=True):
    """A chunk, read."""

    delta: Delta = _NO_DELTA
    finish_reason: str | None = None
    usage: Raw = _NOTHING
    """Empty if there is none."""
    error: bool = False
    """It is, or holds, an error."""
    passed_on: PassedOn | None = None
    """Fields of the delta and the choice that are not ours."""
    about: dict[str, str] = {}
    """Fields of the chunk itself that are not ours, as JSON: servers repeat them in every chunk."""


_OWN: Final = frozenset({"id", "object", "created", "model", "choices", "usage", "obfuscation"})
"""Fields of a chunk that are ours to write. `obfuscation` only pads, so that lengths do not tell of the words."""
_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason"})
_DELTA: Final = frozenset(Delta.__struct_fields__) - {"refusal", "function_call"}
_CALL: Final = frozenset(CallDelta.__struct_fields__)
_NULL: Final = b"null"
_CONTENT: Final = re.compile(
    rb'"delta":\s*\{(?:"role":\s*"[a-z]*",\s*)?"content":\s*("[^"\\]*(?:\\.[^"\\]*)*")'
)
"""The text of a delta. Its path is certain only behind `"delta"`: any other text of a chunk may hold the word."""

_usual: Final = msgspec.json.Decoder(_Usual).decode
text_chunk_in: Final = msgspec.json.Decoder(TextChunk).decode
"""Such a chunk, at a third of what `chunk_in` costs. Raises one of `NOT_JSON` for any other payload."""
_fields: Final = msgspec.json.Decoder(Fields).decode
_several: Final = msgspec.json.Decoder(list[Fields]).decode


def chunk_in(payload: bytes) -> Chunk:
    """What a chunk says.

    Raises:
        MalformedChunk: see there.
    """
    try:
        said = _usual(payload)
    except NOT_JSON:
        return _unusual(payload)
    choice = said.choices[0] if said.choices else None
    return Chunk(
        _NO_DELTA if choice is None or choice.delta is None else choice.delta,
        None if choice is None else choice.finish_reason,
        said.usage,
        about=said.about(),
    )


def around_text(payload: bytes, chunk: Chunk) -> tuple[bytes, bytes] | None:
    """What stands before and behind the text of a chunk that says nothing but a text; None of any other.

    Servers write the same around every text of an answer. A payload with the same around a JSON string is such a chunk again,
    and need not be decoded as a whole: it costs four times as much.
    """
    if (
        chunk.finish_reason is not None
        or chunk.passed_on is not None
        or bytes(chunk.usage) not in {b"", _NULL}
    ):
        return None
    if chunk.delta != Delta(role=chunk.delta.role, content=chunk.delta.content):
        return None
    return around_content(payload)


def around_content(payload: bytes) -> tuple[bytes, bytes] | None:
    """The same of a payload that is known to say nothing but a text."""
    found = _CONTENT.search(payload)
    return None if found is None else (payload[: found.start(1)], payload[found.end(1) :])


def _unusual(payload: bytes) -> Chunk:
    try:
        return _split(payload)
    except msgspec.ValidationError:
        raise MalformedChunk from None
    except NOT_JSON:
        pass
    mended = without_halves(payload)
    try:
        return _split(mended)
    except NOT_JSON:
        raise MalformedChunk from None


def _split(payload: bytes) -> Chunk:
    """A chunk field by field."""
    fields = _fields(payload)
    if says(fields.get("error")) or "choices" not in fields:
        return Chunk(error=True)
    choices = _several(fields["choices"])
    choice = choices[0] if choices else {}
    delta = _fields(choice["delta"]) if says(choice.get("delta")) else {}
    calls = _several(delta.pop("tool_calls")) if says(delta.get("tool_calls")) else []
    known = own(delta, _DELTA)
    if calls:
        known["tool_calls"] = [own(call, _CALL) for call in calls]
    passed_on = PassedOn(delta=rest(delta, _DELTA) | beside_calls(calls), choice=rest(choice, _CHOICE))
    finish = choice.get("finish_reason")
    return Chunk(
        convert(known, Delta),
        None if finish is None else msgspec.json.decode(finish, type=str | None),
        fields.get("usage", _NOTHING),
        passed_on=passed_on if passed_on.delta or passed_on.choice else None,
        about=rest(fields, _OWN),
    )


def says(raw: Raw | None) -> bool:
    """Whether a field is there, and is not null."""
    return raw is not None and bytes(raw) not in {b"", _NULL}


def rest(fields: Fields, known: frozenset[str]) -> dict[str, str]:
    """The fields that are not ours, as JSON; null says nothing."""
    return {name: bytes(raw).decode() for name, raw in fields.items() if name not in known and says(raw)}


def own(fields: Fields, known: frozenset[str]) -> dict[str, Any]:
    """The fields that are ours, decoded."""
    return {name: msgspec.json.decode(raw) for name, raw in fields.items() if name in known}


def beside_calls(calls: list[Fields]) -> dict[str, str]:
    """What calls say beside their own fields (Gemini's signatures stand there), as a `tool_calls` of a delta."""
    beside = [
        {"index": call.get("index", Raw(b"%d" % place))}
        | {name: Raw(text.encode()) for name, text in said.items()}
        for place, call in enumerate(calls)
        if (said := rest(call, _CALL))
    ]
    return {"tool_calls": msgspec.json.encode(beside).decode()} if beside else {}


def decoded(payload: bytes) -> Any:
    """The JSON value in a payload that holds an error; None if it cannot be read."""
    try:
        return msgspec.json.decode(payload)
    except NOT_JSON:
        return None
