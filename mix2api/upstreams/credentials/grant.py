"""A token endpoint's answer: the token and when it expires. Pure."""

import base64
import re
from typing import Any, Final

import msgspec
from attrs import field, frozen

_FALLBACKS: Final = ("access_token", "token", "id_token")
_EXPIRES_AT: Final = "expiresAt"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
"""Visible ASCII without spaces: it goes into a header as it is (RFC 6750, 2.1 allows less)."""
_BEARER: Final = re.compile(r"(?i)^bearer\s+")
_SURELY_SECONDS: Final = 10**11
"""An expiry below it would be of 1973 in milliseconds; some endpoints mean seconds."""
_LONGEST_LIFE_MS: Final = 365 * 86_400_000
_LARGEST: Final = 10**15
_JWT_PARTS: Final = 3


class MalformedGrant(Exception):
    """Not JSON, or without a token. Never quotes what came."""


@frozen(kw_only=True)
class GrantFields:
    """Where an answer has what; a dot leads into an object (`data.token`)."""

    token: str = "access_token"  # noqa: S105 - a field's name
    """`UPSTREAM_TOKEN_FIELD`; `access_token`, `token` and `id_token` are looked at after it."""
    expires_in: str = "expires_in"
    """`UPSTREAM_TOKEN_EXPIRES_IN_FIELD`: seconds."""


@frozen
class Grant:
    """A token, as it was given."""

    token: str = field(repr=False)
    expires_ms: int | None
    """Unix milliseconds; None if the endpoint does not say, or says what is past: then it is used until it is refused."""


def read_grant(body: bytes, fields: GrantFields, now_ms: int) -> Grant:
    """The token in an answer, and its expiry from the first of: lifetime, `expiresAt`, the JWT's own `exp`.

    Args:
        body: of the answer.
        fields: where to look.
        now_ms: Unix time at which the answer came.

    Raises:
        MalformedGrant: see there.
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedGrant from None
    token = next((text for name in (fields.token, *_FALLBACKS) if (text := _token(_at(answer, name)))), None)
    if token is None:
        raise MalformedGrant
    return Grant(token, _expiry(answer, token, fields, now_ms))


def _at(answer: Any, path: str) -> Any:
    """What stands at a name, or else at the path that the name is."""
    if isinstance(answer, dict) and path in answer:
        return answer[path]
    head, dot, rest = path.partition(".")
    return _at(answer.get(head), rest) if dot and isinstance(answer, dict) else None


def _token(found: Any) -> str | None:
    if not isinstance(found, str):
        return None
    token = _BEARER.sub("", found.strip())
    return token if _TOKEN.fullmatch(token) else None


def _expiry(answer: Any, token: str, fields: GrantFields, now_ms: int) -> int | None:
    lifetime_s = _number(_at(answer, fields.expires_in))
    candidates = (
        None if lifetime_s is None else now_ms + lifetime_s * 1000,
        _as_ms(_number(_at(answer, _EXPIRES_AT))),
        _as_ms(_jwt_exp(token)),
    )
    said = next((expiry for expiry in candidates if expiry is not None), None)
    if said is None or said <= now_ms:
        return None
    return int(min(said, now_ms + _LONGEST_LIFE_MS))


def _as_ms(moment: float | None) -> float | None:
    return moment * 1000 if moment is not None and moment < _SURELY_SECONDS else moment


def _number(found: Any) -> float | None:
    """A number, or text that is one; booleans are none, nor is what no clock will ever show."""
    if isinstance(found, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", found):
        return float(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) > _LARGEST:
        return None
    return float(found)


def _jwt_exp(token: str) -> float | None:
    """The `exp` claim (RFC 7519, 4.1.4: seconds), unverified: it only says when to ask again."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return _number(_at(claims, "exp"))
