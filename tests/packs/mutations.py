"""The mutations: one wrong thing each, as servers in the wild do it."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from attrs import evolve
from packs.mutating_proxy import GOOD_KEY, Asked, Frames, Head, Mutation

Json = Any
_DONE: Final = b"data: [DONE]\n\n"

NOTHING: Final = Mutation(name="nothing")


def _event_of(frame: bytes) -> Json:
    """The JSON object of a frame; None for comments and `[DONE]`."""
    line = frame.split(b"\n")[-3] if frame.endswith(b"\n\n") else frame
    if not line.startswith(b"data: {"):
        return None
    return msgspec.json.decode(line.removeprefix(b"data: "))


def _frame_of(event: Json) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


def _events(change: Callable[[Json], Json]) -> Callable[[Asked], Frames]:
    """Changes each JSON object of a stream; None takes it away."""

    def frame(frame: bytes) -> bytes:
        event = _event_of(frame)
        if event is None:
            return frame
        changed = change(event)
        return b"" if changed is None else _frame_of(changed)

    return lambda _: frame


def _choice(event: Json) -> Json:
    return event["choices"][0] if event.get("choices") else None


def _delta(change: Callable[[dict[str, Any]], None]) -> Callable[[Asked], Frames]:
    def each(event: Json) -> Json:
        choice = _choice(event)
        if choice is not None:
            change(choice["delta"])
        return event

    return _events(each)


def _body(change: Callable[[Json], None]) -> Callable[[bytes, Head, Asked], bytes]:
    """Changes the JSON object of a whole answer that succeeded."""

    def whole(body: bytes, head: Head, _: Asked) -> bytes:
        if head.status != 200 or not body.startswith(b'{"id"'):
            return body
        value = msgspec.json.decode(body)
        change(value)
        return msgspec.json.encode(value)

    return whole


def _error(change: Callable[[Json, Head], Json]) -> Callable[[bytes, Head, Asked], bytes]:
    """Changes the envelope of a refusal."""

    def whole(body: bytes, head: Head, _: Asked) -> bytes:
        return msgspec.json.encode(change(msgspec.json.decode(body), head)) if head.status >= 400 else body

    return whole


def _asked(change: Callable[[dict[str, Any]], None]) -> Callable[[Asked], Asked]:
    """Changes the body of a request."""

    def request(asked: Asked) -> Asked:
        body = asked.json
        if not isinstance(body, dict):
            return asked
        change(body)
        return asked.with_json(body)

    return request


def _status(old: int, new: int) -> Callable[[Head, Asked], Head]:
    return lambda head, _: evolve(head, status=new) if head.status == old else head


def _set(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda value: value.update(fields)


def _twice(marks: Callable[[bytes], bool]) -> Callable[[Asked], Frames]:
    return lambda _: lambda frame: frame * 2 if marks(frame) else frame


def _without(marks: Callable[[bytes], bool]) -> Callable[[Asked], Frames]:
    return lambda _: lambda frame: b"" if marks(frame) else frame


def _finishes(frame: bytes) -> bool:
    event = _event_of(frame)
    return event is not None and (_choice(event) or {}).get("finish_reason") is not None


def _nth(count: int, change: Callable[[bytes], bytes]) -> Callable[[Asked], Frames]:
    """Changes the nth frame of each stream."""

    def begin(_: Asked) -> Frames:
        seen = 0

        def frame(frame: bytes) -> bytes:
            nonlocal seen
            seen += 1
            return change(frame) if seen == count else frame

        return frame

    return begin


def _counting(change: Callable[[Json, int], Json]) -> Callable[[Asked], Frames]:
    def begin(_: Asked) -> Frames:
        seen = 0

        def each(event: Json) -> Json:
            nonlocal seen
            seen += 1
            return change(event, seen)

        return _events(each)(_)

    return begin


def _calls(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Changes every call, streamed and whole."""

    def of(holder: dict[str, Any]) -> None:
        for call in holder.get("tool_calls") or ():
            change(call)

    return {"frames": _delta(of), "whole": _body(lambda body: of(body["choices"][0]["message"]))}


def _finish(old: str, new: str) -> dict[str, Any]:
    def of(choice: dict[str, Any]) -> None:
        if choice["finish_reason"] == old:
            choice["finish_reason"] = new

    def each(event: Json) -> Json:
        if (choice := _choice(event)) is not None:
            of(choice)
        return event

    return {"frames": _events(each), "whole": _body(lambda body: of(body["choices"][0]))}


def _texts(change: Callable[[str], str]) -> dict[str, Any]:
    def of(holder: dict[str, Any]) -> None:
        if holder.get("content"):
            holder["content"] = change(holder["content"])

    return {"frames": _delta(of), "whole": _body(lambda body: of(body["choices"][0]["message"]))}


def _reasoning_as_text(holder: dict[str, Any]) -> None:
    if holder.get("reasoning_content"):
        holder["content"] = holder.pop("reasoning_content") + (holder.get("content") or "")


def _first_call_only(holder: dict[str, Any]) -> None:
    kept = [call for call in holder.get("tool_calls") or () if call.get("index", 0) == 0]
    if holder.get("tool_calls"):
        holder["tool_calls"] = kept[:1]


def _as_calls(body: Json) -> None:
    message = body["choices"][0]["message"]
    if "function_call" in message:
        call = {"id": "call_1", "type": "function", "function": message.pop("function_call")}
        message["tool_calls"] = [call]


def _lose_a_key(call: dict[str, Any]) -> None:
    arguments = call["function"].get("arguments", "")
    call["function"]["arguments"] = arguments.replace("null", '""').replace("Rome", "Paris")


def _named_again(event: Json, _: int) -> Json:
    choice = _choice(event)
    for piece in choice["delta"].get("tool_calls") or () if choice else ():
        piece["function"]["name"] = "get_weather"
    return event


def _without_index(call: dict[str, Any]) -> None:
    call.pop("index", None)


def _error_swallowed(event: Json) -> Json:
    if "choices" not in event:
        return None
    event.pop("error", None)
    choice = _choice(event)
    if choice and choice["finish_reason"] == "error":
        choice["finish_reason"] = "stop"
    return event


def _drop_roles(*roles: str) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        if isinstance(body.get("messages"), list):
            body["messages"] = [each for each in body["messages"] if each.get("role") not in roles]

    return change


def _none_as_required(body: dict[str, Any]) -> None:
    if body.get("tool_choice") == "none":
        body["tool_choice"] = "required"


def _strip_tools(body: dict[str, Any]) -> None:
    for tool in body.get("tools") or ():
        tool.get("function", {}).pop("annotations", None)


def _session_lost(asked: Asked) -> Asked:
    return evolve(asked, headers={**asked.headers, "x-session-id": "new"})


def _any_key(asked: Asked) -> Asked:
    return evolve(asked, headers={**asked.headers, "authorization": f"Bearer {GOOD_KEY}"})


def _is_error(frame: bytes) -> bool:
    return b'"error":{' in frame


def _usage_unasked(_: Asked) -> Frames:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    def frame(frame: bytes) -> bytes:
        if frame != _DONE:
            return frame
        told = {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [],
            "usage": usage,
        }
        return _frame_of(told) + frame

    return frame


def _mismatch_unnamed(value: Json, _: Head) -> Json:
    if value["error"].get("code") == "tool_call_id_mismatch":
        value["error"]["code"] = None
    return value


def _unnamed(value: Json, _: Head) -> Json:
    value["error"]["param"] = None
    return value


def _other_code(code: str) -> Callable[[Json, Head], Json]:
    def change(value: Json, _: Head) -> Json:
        if value["error"].get("code") == code:
            value["error"]["code"] = "bad_request"
        return value

    return change


def _at_route(status: int, body: bytes) -> Callable[[bytes, Head, Asked], bytes]:
    return lambda given, head, _: body if head.status == status else given


MUTATIONS: Final[tuple[Mutation, ...]] = (
    # --- streams
    Mutation(name="no_done", frames=_without(lambda frame: frame == _DONE)),
    Mutation(name="done_twice", frames=_twice(lambda frame: frame == _DONE)),
    Mutation(name="no_finish", frames=_without(_finishes)),
    Mutation(name="finish_twice", frames=_twice(_finishes)),
    Mutation(name="no_role", frames=_delta(lambda delta: delta.pop("role", None))),
    Mutation(name="a_delta_lost", frames=_nth(3, lambda _: b"")),
    Mutation(name="a_delta_repeated", frames=_nth(3, lambda frame: frame * 2)),
    Mutation(name="blanks_trimmed", **_texts(str.rstrip)),
    Mutation(name="line_separator_as_newline", **_texts(lambda text: text.replace("\u2028", "\n"))),
    Mutation(name="text_escaped_as_html", **_texts(lambda text: text.replace("<", "&lt;"))),
    Mutation(name="ids_change", frames=_counting(lambda event, seen: event | {"id": f"chatcmpl-{seen}"})),
    Mutation(name="chunk_object_wrong", frames=_events(lambda event: event | {"object": "chat.completion"})),
    Mutation(
        name="last_frame_open", frames=lambda _: lambda frame: frame.strip() if frame == _DONE else frame
    ),
    Mutation(name="not_json", frames=_nth(3, lambda _: b"data: {'a': 1}\n\n")),
    Mutation(name="usage_not_told", frames=_events(lambda event: {**event, "usage": None})),
    Mutation(name="usage_unasked", frames=_usage_unasked),
    Mutation(name="buffered", buffers=True),
    Mutation(name="stream_ignored", request=_asked(lambda body: body.update(stream=False))),
    Mutation(name="always_streams", request=_asked(lambda body: body.update(stream=True))),
    Mutation(
        name="stream_as_text",
        head=lambda head, _: head.having(content_type="text/plain") if head.is_stream else head,
    ),
    Mutation(
        name="proxies_may_buffer", head=lambda head, _: head.without("x-accel-buffering", "cache-control")
    ),
    Mutation(name="stream_cut_before_its_end", cuts=_finishes),
    Mutation(name="length_as_stop", **_finish("length", "stop")),
    Mutation(name="filter_as_stop", **_finish("content_filter", "stop")),
    Mutation(
        name="reasoning_in_text",
        frames=_delta(_reasoning_as_text),
        whole=_body(lambda body: _reasoning_as_text(body["choices"][0]["message"])),
    ),
    Mutation(name="long_deltas_cut", **_texts(lambda text: text[:500])),
    # --- whole answers
    Mutation(name="no_model", whole=_body(lambda body: body.pop("model"))),
    Mutation(name="created_as_text", whole=_body(_set(created="now"))),
    Mutation(name="object_wrong", whole=_body(_set(object="text_completion"))),
    Mutation(name="no_usage", whole=_body(lambda body: body.pop("usage"))),
    Mutation(name="usage_does_not_add_up", whole=_body(lambda body: body["usage"].update(total_tokens=1))),
    Mutation(name="no_choice", whole=_body(_set(choices=[]))),
    Mutation(name="whole_as_text", head=lambda head, _: head.having(content_type="text/plain")),
    Mutation(name="sessions_are_not_continued", request=_session_lost),
    Mutation(
        name="models_empty",
        whole=lambda body, _, asked: (
            b'{"object":"list","data":[]}' if asked.method == "GET" and asked.target == "/v1/models" else body
        ),
    ),
    # --- tools
    Mutation(
        name="calls_share_an_id", **_calls(lambda call: call.update(id="call_1") if call.get("id") else None)
    ),
    Mutation(
        name="ids_of_another_form",
        **_calls(lambda call: call.update(id="x" + call["id"]) if call.get("id") else None),
    ),
    Mutation(name="no_ids", **_calls(lambda call: call.pop("id", None))),
    Mutation(name="no_index", **_calls(_without_index)),
    Mutation(name="name_in_every_piece", frames=_counting(_named_again)),
    Mutation(name="arguments_changed", **_calls(_lose_a_key)),
    Mutation(name="calls_finish_as_stop", **_finish("tool_calls", "stop")),
    Mutation(
        name="one_call_only",
        frames=_delta(_first_call_only),
        whole=_body(lambda body: _first_call_only(body["choices"][0]["message"])),
    ),
    Mutation(name="results_lost", request=_asked(_drop_roles("tool"))),
    Mutation(name="tools_lost", request=_asked(lambda body: body.pop("tools", None))),
    Mutation(name="legacy_as_tool_calls", whole=_body(_as_calls)),
    Mutation(name="none_is_ignored", request=_asked(_none_as_required)),
    Mutation(name="mcp_is_executed", visits_mcp=True),
    Mutation(name="tool_shapes_changed", request=_asked(_strip_tools)),
    Mutation(name="mismatch_not_named", whole=_error(_mismatch_unnamed)),
    # --- failures
    Mutation(name="refusals_are_500", head=_status(400, 500)),
    Mutation(name="refusals_are_200", head=_status(400, 200)),
    Mutation(name="no_param", whole=_error(_unnamed)),
    Mutation(
        name="detail_instead_of_error", whole=_error(lambda value, _: {"detail": value["error"]["message"]})
    ),
    Mutation(
        name="error_without_type",
        whole=_error(
            lambda value, _: {"error": {"message": value["error"]["message"], "code": None, "param": None}}
        ),
    ),
    Mutation(name="every_key_is_good", request=_any_key),
    Mutation(name="scheme_not_named", head=lambda head, _: head.without("www-authenticate")),
    Mutation(name="not_found_as_html", whole=_at_route(404, b"<h1>Not Found</h1>")),
    Mutation(name="wrong_method_is_404", head=_status(405, 404)),
    Mutation(name="bad_gateway_is_500", head=_status(502, 500)),
    Mutation(name="limit_is_502", head=_status(429, 502)),
    Mutation(name="retry_after_lost", head=lambda head, _: head.without("retry-after")),
    Mutation(name="context_length_not_named", whole=_error(_other_code("context_length_exceeded"))),
    Mutation(name="errors_swallowed", frames=_events(_error_swallowed)),
    Mutation(name="failing_stream_cut", cuts=_is_error),
    Mutation(name="timeout_never_told", hangs=lambda head: head.status == 504),
    Mutation(name="timeout_is_500", head=_status(504, 500)),
    Mutation(name="leaving_not_passed_on", keeps_upstream=True),
    Mutation(name="fails_after_a_client_left", fails_after_leaving=True),
    Mutation(name="request_ids_replaced", head=lambda head, _: head.having(x_request_id="req-of-ours")),
)
"""Each is caught by a case; and each case fails for one of them."""
