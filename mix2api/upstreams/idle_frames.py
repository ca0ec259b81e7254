"""Frames that only keep a connection alive, or say that all is well: there is nothing in them for anybody. Pure."""

from typing import Any, Final

import msgspec

from mix2api.upstreams.damage import NOT_JSON

_LONGEST: Final = 256
"""Bytes of such a frame."""
_EMPTY: Final = frozenset({b"null", b"{}", b"[]", b"true", b"ok", b"ping", b"pong"})
_BEATS: Final = frozenset(
    {b"heartbeat", b"heart-beat", b"keepalive", b"keep-alive", b"keep_alive", b"keep alive"}
)
_WORDS: Final = frozenset({b"ping", b"pong", *_BEATS})
_SUCCESSES: Final = frozenset({"0", "200", "ok", "success", "true"})
_CODES: Final = ("code", "status", "statusCode", "errcode", "success")
_TIMES: Final = frozenset({"time", "timestamp", "ts", "id", "seq", "requestId", "request_id"})
"""Keys that go with any such frame."""
_CONTENT: Final = frozenset({*_CODES, *_TIMES, "msg", "message", "data", "error"})
"""Keys that a report of success may have."""
_NAMES: Final = frozenset(
    {"event", "type", "op", "action", "cmd", "status", "msg", "message", "data", "object"}
)
"""Keys under which such a frame may say that it keeps the stream open."""


def says_nothing(payload: bytes) -> bool:
    """Whether a frame is an empty value, or one of the words by which servers keep a stream open."""
    if len(payload) > _LONGEST:
        return False
    word = payload.strip().strip(b"\"'[]").lower() or b"null"
    return word in _EMPTY or word in _BEATS


def is_idle(payload: bytes) -> bool:
    """Whether an object without a type only keeps the stream open, or only says that a request went well."""
    if len(payload) > _LONGEST:
        return False
    try:
        said = msgspec.json.decode(payload, type=dict)
    except NOT_JSON:
        return False
    told = {key: value for key, value in said.items() if value is not None and key not in _TIMES}
    return not told or _is_success(said) or all(_is_beat(key, value) for key, value in told.items())


def _is_success(said: dict[str, Any]) -> bool:
    """Whether it reports success, with no data beside it."""
    codes = [str(said[key]).lower() for key in _CODES if key in said]
    has_more = said.get("data") or said.get("error") or not said.keys() <= _CONTENT
    return bool(codes) and _SUCCESSES.issuperset(codes) and not has_more


def _is_beat(key: str, value: Any) -> bool:
    """Whether this field has one of the words by which servers keep a stream open: `"event": "ping"`, `"ping": 1`."""
    if key.lower().encode() in _WORDS:
        return not isinstance(value, str | list | dict) or len(value) == 0
    return key in _NAMES and isinstance(value, str) and value.lower().encode() in _WORDS
