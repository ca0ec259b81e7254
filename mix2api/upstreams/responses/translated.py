"""Answers for a client of Chat Completions: text, thought, calls, usage and finish of a response. Pure."""

from collections.abc import Sequence

import msgspec

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.port import (
    Finished,
    Reasoning,
    Skipped,
    Text,
    ToolInputDelta,
    ToolInputStarted,
    UpstreamEvent,
)
from mix2api.upstreams.responses.server_event import (
    DELTAS,
    ServerEvent,
    call_in,
    finish_in,
    items_in,
    texts_in,
    usage_in,
)
from mix2api.upstreams.responses.transcript import ResponseTranscript
from mix2api.upstreams.site_errors import failed, words_of
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.vocabulary import ChunkKind
from mix2api.wire.passed_on import PassedOn

_TEXT, _REFUSAL = "response.output_text.delta", "response.refusal.delta"
_ONE_SKIPPED = (Skipped(1),)


class _Translation:
    """What the events of one stream say. Remembers the calls that have begun, because pieces name an item only."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}

    def pieces(self, events: Sequence[ServerEvent], payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """See `Telling`."""
        texts = [event.delta for event in events]
        if events[0].type == _TEXT and {*map(type, texts)} == {str} and all(texts):
            return [*map(Text, texts)]
        pairs = zip(events, payloads, strict=True)
        return [said for pair in pairs for said in self.event(*pair) or _ONE_SKIPPED]

    def event(self, event: ServerEvent, payload: bytes) -> list[UpstreamEvent]:
        """See `Telling`."""
        del payload
        kind, delta = DELTAS.get(event.type), event.delta
        if kind is not None and isinstance(delta, str) and delta:
            return self._piece(event, kind, delta)
        call = call_in(event.item)
        if call is None:
            return []
        if event.type == "response.output_item.added":
            item_id = (event.item or {}).get("id")
            if isinstance(item_id, str):
                self._calls[item_id] = call.call_id
            return [ToolInputStarted(call.call_id, call.name)]
        return [call] if event.type == "response.output_item.done" else []

    def _piece(self, event: ServerEvent, kind: ChunkKind, delta: str) -> list[UpstreamEvent]:
        if event.type == _REFUSAL:
            return [PassedOn(delta={"refusal": msgspec.json.encode(delta).decode()})]
        if kind is ChunkKind.TEXT:
            return [Text(delta)]
        if kind is ChunkKind.REASONING:
            return [Reasoning(delta)]
        call_id = self._calls.get(event.item_id)
        return [] if call_id is None else [ToolInputDelta(call_id, delta)]


def translated_transcript(status: int, *, session_known: bool) -> ResponseTranscript:
    """The transcript of a stream that is translated."""
    del session_known
    return ResponseTranscript(status, _Translation())


def translated_answer(body: bytes, *, session_known: bool = False) -> list[UpstreamEvent]:
    """A whole answer, translated.

    Args:
        body: JSON.
        session_known: never, with this kind.

    Raises:
        MalformedAnswer: neither a response nor an error.
    """
    del session_known
    try:
        response = msgspec.json.decode(body)
    except NOT_JSON:
        raise MalformedAnswer from None
    if not isinstance(response, dict):
        raise MalformedAnswer
    if not isinstance(response.get("output"), list) or response.get("status") == "failed":
        error = response.get("error")
        return [failed(words_of({"error": error} if error is not None else response))]
    events: list[UpstreamEvent] = []
    for item in items_in(response):
        if thought := texts_in(item, "summary"):
            events.append(Reasoning(thought))
        if text := texts_in(item, "content"):
            events.append(Text(text))
        if (call := call_in(item)) is not None:
            events.append(call)
    usage = usage_in(response)
    return [*events, *([] if usage is None else [usage]), Finished(finish_in(response))]
