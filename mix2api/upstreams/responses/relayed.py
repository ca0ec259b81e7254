"""Answers for a client that speaks the Responses API itself: each event passes as it came. Pure.

Beside the events stands what the log and the verdict need: content by its kind, whole calls, usage, the finish.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.port import Finished, Relayed, UpstreamEvent
from mix2api.upstreams.responses.server_event import (
    DELTAS,
    ServerEvent,
    call_in,
    finish_in,
    items_in,
    made_in,
    object_in,
    texts_in,
    usage_in,
)
from mix2api.upstreams.responses.transcript import ResponseTranscript
from mix2api.upstreams.site_errors import failed, words_of
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.vocabulary import ChunkKind
from mix2api.wire.passed_on import WHOLE_RESPONSE

_FAILED: Final = "failed"


def relayed_transcript(status: int, *, session_known: bool) -> ResponseTranscript:
    """The transcript of a stream that passes."""
    del session_known  # such a server keeps no session of ours
    return ResponseTranscript(status, _RELAYING)


class _Relaying:
    """Events as they came."""

    def event(self, event: ServerEvent, payload: bytes) -> list[UpstreamEvent]:
        """An event as it came, and the call that it completes."""
        data = payload.decode("utf-8", "replace")
        kind = DELTAS.get(event.type)
        if kind is not None:
            return [Relayed(event.type, data, kind, _text_in(event))]
        if event.type == "response.output_item.done":
            passed = Relayed(event.type, data, made=made_in(event.item))
            call = call_in(event.item)
            return [passed] if call is None else [passed, call]
        if event.type == "response.created":
            return [Relayed(event.type, data, made=_ids(object_in(event.response)))]
        return [Relayed(event.type, data)]

    def pieces(self, events: Sequence[ServerEvent], payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """All of them as one, unless one has several lines."""
        lines = b"\n".join(payloads)
        if len(events) == 1 or lines.count(b"\n") >= len(payloads):
            return [said for pair in zip(events, payloads, strict=True) for said in self.event(*pair)]
        kind = events[0].type
        try:
            text = "".join([event.delta for event in events])
        except TypeError:  # one is no text
            text = "".join(map(_text_in, events))
        return [Relayed(kind, lines.decode("utf-8", "replace"), DELTAS[kind], text, count=len(events))]


_RELAYING: Final = _Relaying()


def _text_in(event: ServerEvent) -> str:
    return event.delta if isinstance(event.delta, str) else ""


def relayed_answer(body: bytes, *, session_known: bool = False) -> list[UpstreamEvent]:
    """A whole answer as it came.

    Args:
        body: JSON.
        session_known: never, with this kind.

    Raises:
        MalformedAnswer: no object.
    """
    del session_known
    response = _object(body)
    if response.get("status") == _FAILED or ("error" in response and response.get("object") is None):
        error = response.get("error")
        return [failed(words_of({"error": error} if error is not None else response))]
    items = items_in(response)
    made = [*_ids(response), *(one for item in items for one in made_in(item))]
    calls = [call for item in items if (call := call_in(item)) is not None]
    text = "".join(texts_in(item, "content") for item in items)
    usage = usage_in(response)
    whole = Relayed(WHOLE_RESPONSE, body.decode("utf-8", "replace"), ChunkKind.TEXT, text, tuple(made))
    return [whole, *calls, *([] if usage is None else [usage]), Finished(finish_in(response))]


def relayed_object(body: bytes, *, session_known: bool = False) -> list[UpstreamEvent]:
    """What a server says of a response that it keeps, whatever that is.

    Raises:
        MalformedAnswer: no object.
    """
    del session_known
    made = tuple(one for item in items_in(_object(body)) for one in made_in(item))
    return [Relayed(WHOLE_RESPONSE, body.decode("utf-8", "replace"), made=made), Finished("stop")]


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except NOT_JSON:
        raise MalformedAnswer from None
    if not isinstance(said, dict):
        raise MalformedAnswer
    return said


def _ids(response: dict[str, Any]) -> tuple[str, ...]:
    """The ids by which clients come back to a response."""
    conversation = response.get("conversation")
    said = (response.get("id"), conversation.get("id") if isinstance(conversation, dict) else None)
    return tuple(one for one in said if isinstance(one, str) and one)
