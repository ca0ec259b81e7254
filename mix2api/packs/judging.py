"""What many cases judge by: complaints about one answer, as sentences. Pure; nothing of an answer's content is quoted."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from mix2api.packs.evidence import Ending, Evidence, Json, Seen, part, parts

Complaints = Iterator[str]
_DONE: Final = "[DONE]"
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_SUCCESSES: Final = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})
_OK: Final = 200


def whole(seen: Seen, *, ours: bool, finish: str = "stop") -> Complaints:
    """A whole answer of OpenAI's form that ended with this finish reason."""
    yield from _arrived(seen, ours=ours)
    body = seen.json
    if not isinstance(body, dict):
        yield "the body is not a JSON object"
        return
    if not seen.headers.get("content-type", "").startswith("application/json"):
        yield "the content type is not JSON"
    if body.get("object") != "chat.completion":
        yield "`object` is not chat.completion"
    yield from _heading(body, seen)
    if len(parts(body, "choices")) != 1:
        yield "there is not exactly one choice"
        return
    if part(seen.choices[0], "message").get("role") != "assistant":
        yield "the message's role is not assistant"
    if seen.finishes != [finish]:
        yield f"the finish reason is not {finish}"
    yield from usage(body.get("usage"))


def stream(seen: Seen, *, ours: bool, finish: str = "stop") -> Complaints:
    """An event stream of OpenAI's form that ended well, with this finish reason."""
    yield from _arrived(seen, ours=ours)
    if not seen.is_stream:
        yield "the content type is not text/event-stream"
        return
    if ours and (seen.headers.get("cache-control"), seen.headers.get("x-accel-buffering")) != (
        "no-cache",
        "no",
    ):
        yield "the headers do not forbid buffering"
    yield from _frames(seen)
    if seen.error is not None:
        yield "there is an error event"
    yield from _headings(seen)
    yield from _choices(seen, finish)


def _headings(seen: Seen) -> Complaints:
    """What stands in every chunk."""
    if any(event.get("object") != "chat.completion.chunk" for event in seen.events):
        yield "`object` is not chat.completion.chunk"
    for event in seen.events[:1]:
        yield from _heading(event, seen)
    for name in ("id", "model", "created"):
        if len({event.get(name) for event in seen.events}) > 1:
            yield f"`{name}` changes within the stream"


def _choices(seen: Seen, finish: str) -> Complaints:
    choices = seen.choices
    if not choices:
        yield "no chunk has a choice"
        return
    if part(choices[0], "delta").get("role") != "assistant":
        yield "the first delta does not carry the role"
    if any(choice.get("index") != 0 for choice in choices):
        yield "a choice has another index than 0"
    if seen.finishes != [finish]:
        yield f"the stream's finish reasons are not exactly {finish}"
    if choices[-1].get("finish_reason") is None:
        yield "a delta follows the finish"


def _frames(seen: Seen) -> Complaints:
    payloads = seen.payloads
    if not payloads or payloads[-1] != _DONE:
        yield "the last event is not [DONE]"
    if payloads.count(_DONE) > 1:
        yield "there is more than one [DONE]"
    if not seen.body.endswith(b"\n\n"):
        yield "the last frame is not closed by a blank line"
    if len(seen.events) + payloads.count(_DONE) != len(payloads):
        yield "a frame is neither a JSON object nor [DONE]"


def _arrived(seen: Seen, *, ours: bool) -> Complaints:
    if seen.ending is not Ending.WHOLE:
        yield f"the answer is not whole: {seen.ending}"
    if seen.status != _OK:
        yield f"the status is {seen.status}, not 200"
    if ours:
        yield from _our_headers(seen)


def _our_headers(seen: Seen) -> Complaints:
    if seen.headers.get("x-request-id") != seen.ask.request_id:
        yield "the answer does not bear the request's x-request-id"


def _heading(body: Json, seen: Seen) -> Complaints:
    if not isinstance(body.get("id"), str) or not body["id"]:
        yield "`id` is not a non-empty string"
    if not isinstance(body.get("created"), int):
        yield "`created` is not an integer"
    asked = seen.ask.body
    if isinstance(asked, dict) and not isinstance(body.get("model"), str):
        yield "`model` is not a string"


def usage(counts: Any) -> Complaints:
    """OpenAI's `usage`: three integers that add up."""
    if not isinstance(counts, dict) or not all(type(counts.get(name)) is int for name in _COUNTS):
        yield "`usage` is not an object of three integers"
        return
    if counts["prompt_tokens"] + counts["completion_tokens"] != counts["total_tokens"]:
        yield "the counts of `usage` do not add up"
    if counts["prompt_tokens"] <= 0:
        yield "`usage` says that the prompt had no tokens"


def refusal(
    evidence: Evidence, *statuses: int, code: str | None = None, param: str | None = None
) -> Complaints:
    """The last answer is an error with one of these statuses and OpenAI's envelope.

    Args:
        evidence: of the case.
        statuses: those that are right.
        code: mix2api's own; other endpoints have codes of their own.
        param: likewise.
    """
    seen = evidence.last
    if seen.ending is not Ending.WHOLE:
        yield f"the answer is not whole: {seen.ending}"
    if seen.status not in statuses:
        yield f"the status is {seen.status}, not {' or '.join(map(str, statuses))}"
    error = seen.error
    if error is None or seen.is_stream:
        yield "the body is not OpenAI's error envelope"
        return
    yield from _envelope(error)
    if evidence.ours:
        yield from _our_headers(seen)
        if code is not None and error.get("code") != code:
            yield f"`code` is not {code}"
        if param is not None and error.get("param") != param:
            yield f"`param` is not {param}"


def _envelope(error: Json) -> Complaints:
    if not isinstance(error.get("message"), str) or not error["message"]:
        yield "the error has no message"
    if not isinstance(error.get("type"), str) or not error["type"]:
        yield "the error has no type"
    if not {"code", "param"} <= error.keys():
        yield "the error has no `code` or no `param`"


def failing_stream(evidence: Evidence, *, code: str | None = None) -> Complaints:
    """A stream that failed after output: it says so, has no finish that means success, and ends with `[DONE]`."""
    seen = evidence.last
    if seen.ending is not Ending.WHOLE:
        yield f"the answer is not whole: {seen.ending}"
    if seen.status != _OK:
        yield f"the status is {seen.status}, not 200"
    if not seen.is_stream:
        yield "the content type is not text/event-stream"
        return
    if seen.error is None:
        yield "no event has an `error`"
    else:
        yield from _envelope(seen.error)
        if evidence.ours and code is not None and seen.error.get("code") != code:
            yield f"`code` is not {code}"
    if _SUCCESSES & set(seen.finishes):
        yield "a finish reason means success"
    if evidence.ours and seen.finishes != ["error"]:
        yield "the last chunk's finish reason is not error"
    yield from _frames(seen)


def calls_of(seen: Seen) -> list[Json]:
    """The tool calls of an answer, a stream's put together: `id`, `type`, `name`, `arguments`."""
    if not seen.is_stream:
        message = part(seen.choices[0], "message") if seen.choices else {}
        return [_flat(call) for call in parts(message, "tool_calls")]
    calls: dict[Any, Json] = {}
    for choice in seen.choices:
        for piece in parts(part(choice, "delta"), "tool_calls"):
            call = calls.setdefault(piece.get("index"), {"id": "", "type": "", "name": "", "arguments": ""})
            flat = _flat(piece)
            for name in ("id", "type", "name"):
                call[name] = call[name] or flat[name]
            call["arguments"] += flat["arguments"]
    return list(calls.values())


def _flat(call: Json) -> Json:
    function = part(call, "function")
    return {
        "id": call.get("id") or "",
        "type": call.get("type") or "",
        "name": function.get("name") or "",
        "arguments": function.get("arguments") or "",
    }


def calls(seen: Seen, *expected: tuple[str, Json], ours: bool) -> Complaints:
    """The answer calls exactly these tools with these arguments, each under an id of its own."""
    found = calls_of(seen)
    if [call["name"] for call in found] != [name for name, _ in expected]:
        yield f"{len(found)} calls came whose names are not those of the {len(expected)} calls that were due"
        return
    for call, (_, arguments) in zip(found, expected, strict=True):
        if call["type"] != "function":
            yield "a call's type is not function"
        try:
            given = msgspec.json.decode(call["arguments"])
        except msgspec.DecodeError:
            yield "a call's arguments are no JSON"
            continue
        if given != arguments:
            yield "a call's arguments are not those that the model gave"
    ids = [call["id"] for call in found]
    if not all(ids) or len(set(ids)) != len(ids):
        yield "a call has no id of its own"
    if ours and not all(name.startswith("call_") for name in ids):
        yield "a call's id does not start with call_"
    yield from _call_pieces(seen)


def _call_pieces(seen: Seen) -> Complaints:
    """A stream's pieces: id, type and name come with a call's first piece and never again."""
    begun: set[Any] = set()
    for choice in seen.choices if seen.is_stream else ():
        for piece in parts(part(choice, "delta"), "tool_calls"):
            index = piece.get("index")
            is_first = index not in begun
            begun.add(index)
            if type(index) is not int:
                yield "a piece of a call has no index"
            elif is_first != bool(piece.get("id")) or is_first != bool(part(piece, "function").get("name")):
                yield "id and name do not come with the first piece of a call alone"
    if begun and sorted(begun, key=str) != list(range(len(begun))):
        yield "the indices of the calls do not count from 0"
