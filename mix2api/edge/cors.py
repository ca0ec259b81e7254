"""Answers for browsers: which pages of other origins may ask, and what of an answer they may read. Pure.

Off unless an operator names origins (`MIX2API_CORS_ORIGINS`). Credentials of the browser's own (cookies) are never allowed:
callers prove themselves with a header, which a page has to be given. Source: WHATWG Fetch, "CORS protocol".
"""

from collections.abc import Mapping
from typing import Final

_ANY: Final = "*"
_METHODS: Final = "GET, POST, OPTIONS"
_PRIVATE: Final = b"access-control-request-private-network"
_MAX_AGE_S: Final = 7200
"""How long a browser may remember a preflight: Chromium takes no more than two hours."""
EXPOSED: Final = "x-request-id, x-session-id, x-mix2api-run-id, x-mix2api-session, x-mix2api-withheld, x-mix2api-budget, x-mix2api-account, x-trace-id, retry-after"
"""Headers that a page may read beside the few that every page may."""


class Cors:
    """The rule of one deployment.

    Args:
        origins: `https://host[:port]` each, or `*` for every page.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origins)

    def is_preflight(self, method: str, given: Mapping[bytes, bytes]) -> bool:
        """Whether a browser asks what a page may do, before it does it."""
        return method == "OPTIONS" and b"origin" in given and b"access-control-request-method" in given

    def preflight_headers(self, given: Mapping[bytes, bytes]) -> list[tuple[str, str]]:
        """What a preflight is told. A page that is not allowed is told nothing, and its browser stops there."""
        allowed = self._allowed(given)
        if allowed is None:
            return [("vary", "origin")]
        asked = given.get(b"access-control-request-headers", b"").decode("latin1")
        return [
            ("access-control-allow-origin", allowed),
            ("access-control-allow-methods", _METHODS),
            # As asked: `*` would not cover `authorization`, and SDKs send headers of their own.
            *([("access-control-allow-headers", asked)] if asked else []),
            # A page on the public net that asks an adapter on this machine (WICG, "Private Network Access").
            *([("access-control-allow-private-network", "true")] if _PRIVATE in given else []),
            ("access-control-max-age", str(_MAX_AGE_S)),
            ("vary", "origin, access-control-request-headers"),
        ]

    def headers(self, given: Mapping[bytes, bytes]) -> list[tuple[str, str]]:
        """What every other answer has, so that an allowed page may read it."""
        allowed = self._allowed(given)
        if allowed is None:
            return [("vary", "origin")]
        return [
            ("access-control-allow-origin", allowed),
            ("access-control-expose-headers", EXPOSED),
            ("vary", "origin"),
        ]

    def _allowed(self, given: Mapping[bytes, bytes]) -> str | None:
        """The origin that may read the answer; None where the asker's may not, or has none."""
        if _ANY in self._origins:
            return _ANY
        origin = given.get(b"origin", b"").decode("latin1")
        return origin if origin.lower() in self._origins else None
