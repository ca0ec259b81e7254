"""Frames that only keep a connection alive, or say that all is well: there is nothing in them for anybody. Pure."""

from typing import Final

import msgspec

from mix2api.upstreams.mix.damage import NOT_JSON

_LONGEST: Final = 256
"""Bytes of such a frame."""
_EMPTY: Final = frozenset({b"null", b"{}", b"[]", b"true", b"ok", b"ping", b"pong"})
_BEATS: Final = frozenset({b"heartbeat", b"heart-beat", b"keepalive", b"keep-alive", b"keep alive"})
_SUCCESSES: Final = frozenset({"0", "200", "ok", "success"})
_CODES: Final = ("code", "status", "statusCode", "errcode")
_CONTENT: Final = frozenset(
    {*_CODES, "msg", "message", "success", "data", "error", "requestId", "request_id"}
)
"""Keys that a report of success may have."""


def says_nothing(payload: bytes) -> bool:
    """Whether a frame is an empty value, or one of the words by which servers keep a stream open."""
    if len(payload) > _LONGEST:
        return False
    word = payload.strip().strip(b"\"'[]").lower() or b"null"
    return word in _EMPTY or word in _BEATS


def is_success(payload: bytes) -> bool:
    """Whether an object without a type only says that a request went well, with no data beside it."""
    if len(payload) > _LONGEST:
        return False
    try:
        said = msgspec.json.decode(payload, type=dict)
    except NOT_JSON:
        return False
    codes = [str(said[key]).lower() for key in _CODES if key in said]
    return bool(codes) and _SUCCESSES.issuperset(codes) and said.keys() <= _CONTENT and not said.get("data")
