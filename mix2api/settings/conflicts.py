"""Settings that take each other's effect away: each is legal by itself, and the operator is warned of the pair.

`loading` has the contradictions with which no process can start.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from mix2api.settings.choices import InboundAuthMode, StoreMode, UpstreamAuthMode

if TYPE_CHECKING:
    from mix2api.settings.loading import Settings

_IDLE: Final[Mapping[str, tuple[str, Callable[["Settings"], bool]]]] = {
    "INBOUND_BEARER_TOKEN": (
        "INBOUND_AUTH_MODE",
        lambda settings: settings.inbound_auth.mode is not InboundAuthMode.BEARER,
    ),
    "INBOUND_KEYS_FILE": (
        "INBOUND_AUTH_MODE",
        lambda settings: settings.inbound_auth.mode is not InboundAuthMode.KEYS,
    ),
    "REDIS_URL": ("SESSION_STORE_MODE", lambda settings: settings.storing.mode is StoreMode.MEMORY),
    "TOOL_MAX_COUNT": (
        "TOOL_KEEP_ALL",
        lambda settings: settings.tools.keep_all and settings.tools.max_count > 0,
    ),
    "UPSTREAM_BEARER_TOKEN": (
        "UPSTREAM_AUTH_MODE",
        lambda settings: settings.upstream_auth.mode is not UpstreamAuthMode.STATIC,
    ),
    "UPSTREAM_TOKEN_URL": (
        "UPSTREAM_AUTH_MODE",
        lambda settings: settings.upstream_auth.mode is not UpstreamAuthMode.MANAGED,
    ),
    "UPSTREAM_BASE_ALLOWLIST": (
        "UPSTREAM_DYNAMIC_BASE_ENABLED",
        lambda settings: not settings.dynamic_base.enabled,
    ),
}
"""Setting -> the setting beside it, and whether that one takes the effect away."""


def idle(settings: "Settings", given: Collection[str]) -> Iterator[str]:
    """What was given, and has no effect beside another setting. No values: some of them are secrets."""
    for name, (other, is_idle) in _IDLE.items():
        if name in given and is_idle(settings):
            yield f"{name} has no effect with this {other}"


def conflicting_lengths(settings: "Settings", given: Collection[str]) -> Iterator[str]:
    """Times of which one is over before the other one can be.

    A pair counts if the operator gave one of the two: the defaults agree with each other.
    """
    network = settings.network
    total = network.total_timeout_ms
    lengths = {
        "MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS": network.first_byte_timeout_ms,
        "UPSTREAM_TIMEOUT_MS": network.idle_timeout_ms,
        "MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS": network.silence_timeout_ms,
    }
    for name, length in lengths.items():
        if name in given and length > total > 0:
            yield f"{name} has no effect: MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS is shorter"
    ttl_ms, retention_ms = settings.sessions.ttl_ms, settings.storing.retention_s * 1000
    if {"SESSION_TTL_MS", "MIX2API_RETENTION_S"} & set(given) and ttl_ms > retention_ms:
        yield (
            "SESSION_TTL_MS is longer than MIX2API_RETENTION_S: the log of a session that waits so long is gone, "
            "and its next turn goes to a fresh session"
        )
