"""The events of a response that came whole where a stream was asked for, in the API's order. Pure.

Clients put an answer together from its events: text from deltas, items from `output_item.done`. So a whole response is told as if it
had been streamed, each text in one delta. Linear in its size. Items and parts of unknown types are told without deltas.
"""

from collections.abc import Iterator
from typing import Any

_Object = dict[str, Any]


def events_of(response: _Object) -> Iterator[_Object]:
    """All events but the last, without their numbers. What is no object among items and parts is left to the last event."""
    begun = response | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in _objects(response.get("output")):
        yield from _of_item(item, index)


def last_event_of(response: _Object) -> str:
    """The type of the event that ends the stream."""
    status = response.get("status")
    return f"response.{status}" if status in {"incomplete", "cancelled"} else "response.completed"


def _of_item(item: _Object, index: int) -> Iterator[_Object]:
    at: _Object = {"item_id": item.get("id", ""), "output_index": index}
    begun, inner = item, list[_Object]()
    match item.get("type"):
        case "message":
            begun = item | {"status": "in_progress", "content": []}
            inner = [
                event for place, part in _objects(item.get("content")) for event in _of_part(part, at, place)
            ]
        case "reasoning":
            begun = item | {"summary": []}
            inner = [
                event
                for place, part in _objects(item.get("summary"))
                for event in _of_summary(part, at, place)
            ]
        case "function_call":
            begun = item | {"status": "in_progress", "arguments": ""}
            inner = _of_arguments(item, at)
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield from inner
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _of_part(part: _Object, item: _Object, place: int) -> list[_Object]:
    at = item | {"content_index": place}
    field = "refusal" if part.get("type") == "refusal" else "text"
    text = part.get(field)
    begun = part | {field: ""} if isinstance(text, str) else part
    events = [{"type": "response.content_part.added", **at, "part": begun}]
    if isinstance(text, str):
        word = "response.refusal" if field == "refusal" else "response.output_text"
        more: _Object = {} if field == "refusal" else {"logprobs": []}
        events.append({"type": f"{word}.delta", **at, "delta": text, **more})
        events.append({"type": f"{word}.done", **at, field: text, **more})
    return [*events, {"type": "response.content_part.done", **at, "part": part}]


def _of_summary(part: _Object, item: _Object, place: int) -> list[_Object]:
    at, text = item | {"summary_index": place}, part.get("text")
    text = text if isinstance(text, str) else ""
    word = "response.reasoning_summary"
    return [
        {"type": f"{word}_part.added", **at, "part": part | {"text": ""}},
        {"type": f"{word}_text.delta", **at, "delta": text},
        {"type": f"{word}_text.done", **at, "text": text},
        {"type": f"{word}_part.done", **at, "part": part},
    ]


def _of_arguments(item: _Object, at: _Object) -> list[_Object]:
    said = item.get("arguments")
    said = said if isinstance(said, str) else ""
    word = "response.function_call_arguments"
    done = {"type": f"{word}.done", **at, "name": item.get("name", ""), "arguments": said}
    return [{"type": f"{word}.delta", **at, "delta": said}, done]


def _objects(value: object) -> Iterator[tuple[int, _Object]]:
    """The objects of a list with their places; none where it is no list."""
    if isinstance(value, list):
        yield from ((place, one) for place, one in enumerate(value) if isinstance(one, dict))
