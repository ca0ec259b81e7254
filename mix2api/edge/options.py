"""All that can be set of the edge, as one frozen group. Read from the settings in `cli` only."""

from attrs import field, frozen

from mix2api.settings.choices import InboundAuthMode, SessionKeyMode
from mix2api.vocabulary import Channel, ProcessId


@frozen(kw_only=True)
class InboundKey:
    """A named key of `INBOUND_KEYS_FILE`."""

    key_id: str
    name: str
    sha256: str = field(repr=False)
    """64 lower-case hex digits: SHA-256 of the key's UTF-8 bytes."""


@frozen(kw_only=True)
class ConnectionLimits:
    """Bounds of the edge's own connections."""

    connections: int = 10_000
    """Served at a time (`MIX2API_MAX_CONNECTIONS`, bounded by the file descriptors)."""
    head_s: float = 10
    """A request's head is whole so long after its first byte, a new connection's first one after it was opened."""


@frozen(kw_only=True)
class EdgeOptions:
    """The edge's settings."""

    process: ProcessId
    version: str
    models: tuple[str, ...]
    """Shown by `/v1/models`; others are accepted all the same."""
    channel: Channel = Channel.STABLE
    auth_mode: InboundAuthMode = InboundAuthMode.BEARER
    bearer_token: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)
    """The bearer for `GET /metrics` (`MIX2API_METRICS_TOKEN`). Empty: there is no such route."""
    keys: tuple[InboundKey, ...] = ()
    session_key_mode: SessionKeyMode = SessionKeyMode.AUTH_MODEL_CLIENT
    session_key_header: str = "x-session-key"
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may ask (`MIX2API_CORS_ORIGINS`), in lower case; `*` is every one, empty none."""
    pass_authorization: bool = False
    """Give the caller's `Authorization` to the worker (`UPSTREAM_AUTH_MODE=pass_through`)."""
    body_limit: int = 32 * 1024 * 1024
    """Bytes of a request body, unpacked (`BODY_SIZE_LIMIT`)."""
    body_timeout_s: float = 60
    """A body that is not there after this long is answered with 408."""
    drain_s: float = 5
    """How long the rest of a refused body is read and thrown away."""
    connections: ConnectionLimits = ConnectionLimits()
    early_headers_ms: int = 3000
    """A stream's headers leave so long after its run was accepted, at the latest."""
    hold_headers_s: float = 11
    """For so long more they are held for a run that is not accepted yet, because its refusal is to have its own status and
    `retry-after`: `MIX2API_QUEUE_TIMEOUT_MS`, and a second in which the refusal is found and mailed."""
    keepalive_s: float = 15
    """A comment goes out after this long without a chunk."""
    stall_limit_s: float = 60
    """A client that takes nothing for this long, while something waits for it, is given up."""
    check_s: float = 1
    """How often stalled and silent streams are looked for; both limits are rounded up to it."""
    log_headers: bool = False
    """A debugging line with each request's headers (`LOG_HEADERS`)."""
    log_bodies: bool = False
    """A debugging line with the beginning of each chat request's body (`LOG_BODIES`)."""
    store_mode: str = "redis"
    """What `/health` calls the store: `redis`, or `memory` for the embedded server, as `SESSION_STORE_MODE` does."""
    lenient_limits: bool = False
    """An output limit that is none is ignored and told in the log, not refused (`MIX2API_LENIENT_LIMITS`)."""
    expose_stack: bool = False
    """Name the place of an adapter's fault in the 500 envelope (`EXPOSE_STACK`)."""
