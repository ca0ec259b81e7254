"""Groups of a process: its store, its limits, its release, its log lines."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from pathlib import Path

from attrs import frozen

from mix2api.settings.address_readers import RedisUrl
from mix2api.settings.bounds import DAY_MS, DAY_S
from mix2api.settings.choices import LogFormat, LogLevel, StoreMode
from mix2api.settings.readers import Choice, Flag, KeyPrefix, Place, Secret, Size, Whole
from mix2api.settings.setting import Setting, held
from mix2api.vocabulary import Channel


@frozen(kw_only=True)
class Storing:
    """Where the event log lives and how long."""

    mode: StoreMode = held(
        Setting(
            "SESSION_STORE_MODE",
            Choice(StoreMode),
            "auto",
            "`auto`: Redis if `REDIS_URL` is given, else the embedded store; `redis`: Redis or nothing; "
            "`memory`: the embedded store (a Valkey or Redis server of our own, on disk, in the data directory)",
        )
    )
    redis_url: str | None = held(
        Setting(
            "REDIS_URL",
            RedisUrl(),
            "",
            "the Redis to use; needs `MIX2API_SECRET`",
            secret=True,
        )
    )
    connect_timeout_ms: int = held(
        Setting("REDIS_CONNECT_TIMEOUT_MS", Whole(1, 600_000), "2000", "connecting to Redis", unit="ms")
    )
    prefix: str = held(
        Setting(
            "REDIS_SESSION_PREFIX",
            KeyPrefix(),
            "mix2api:session",
            "its part before the first `:` begins every key of this deployment",
        )
    )
    secret: bytes | None = held(
        Setting(
            "MIX2API_SECRET",
            Secret(16),
            "",
            "keys digests and seals payloads; with the embedded store it is made and kept in the data directory",
            secret=True,
        )
    )
    data_dir: Path = held(Setting("MIX2API_DATA_DIR", Place(), ".mix2api", "directory of the embedded store"))
    shards: int = held(
        Setting(
            "MIX2API_SHARDS",
            Whole(1, 65_536),
            "256",
            "parts of the log; fixed for a deployment, checked at start",
        )
    )
    lease_s: int = held(
        Setting(
            "MIX2API_LEASE_S",
            Whole(1, 3600),
            "5",
            "life of a shard's lease, renewed every third of it; one for all processes of a deployment",
            unit="s",
        )
    )
    receipt_window_ms: int = held(
        Setting(
            "MIX2API_RECEIPT_WINDOW_MS",
            Whole(0, 60_000),
            "1000",
            "an edge's receipt of an ending waits so long for another append of its shard, which takes it along; "
            "an edge that is killed takes those with it that wait",
            unit="ms",
        )
    )
    retention_s: int = held(
        Setting(
            "MIX2API_RETENTION_S",
            Whole(60, 400 * DAY_S),
            "90000",
            "how long events and audit entries are kept: 25 hours, so that a 24-hour window is always whole",
            unit="s",
        )
    )

    @property
    def url(self) -> str | None:
        """The Redis to use, with the mode applied; None means the embedded store."""
        return None if self.mode is StoreMode.MEMORY else self.redis_url


@frozen(kw_only=True)
class Working:
    """Limits of a worker."""

    max_concurrency: int = held(
        Setting(
            "MIX2API_MAX_CONCURRENCY", Whole(1, 1_000_000), "2000", "runs at once in one process; more wait"
        )
    )
    queue_max: int = held(
        Setting(
            "MIX2API_QUEUE_MAX",
            Whole(0, 1_000_000),
            "1000",
            "requests that wait for one of those runs to end, shared fairly by callers; more are refused with 429",
        )
    )
    queue_timeout_ms: int = held(
        Setting(
            "MIX2API_QUEUE_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "10000",
            "a request that waits longer is refused with `overloaded` and `Retry-After`",
            unit="ms",
        )
    )
    drain_ready_s: int = held(
        Setting(
            "MIX2API_DRAIN_READY_S",
            Whole(0, 3600),
            "2",
            "how long a stopping process still takes requests while `/health/ready` tells load balancers 503",
            unit="s",
        )
    )
    drain_timeout_s: int = held(
        Setting(
            "MIX2API_DRAIN_TIMEOUT_S",
            Whole(0, DAY_S),
            "30",
            "how long a stopping process lets its streams run",
            unit="s",
        )
    )
    actor_idle_s: int = held(
        Setting(
            "MIX2API_ACTOR_IDLE_S",
            Whole(1, DAY_S),
            "60",
            "idle time after which a session leaves memory",
            unit="s",
        )
    )
    actor_idle_max: int = held(
        Setting("MIX2API_ACTOR_IDLE_MAX", Whole(0, 1_000_000), "1000", "idle sessions kept in memory at most")
    )
    rerun: bool = held(
        Setting(
            "MIX2API_RERUN",
            Flag(),
            "true",
            "a turn whose worker died runs once more, on a fresh session, if its client has seen nothing of an answer",
        )
    )
    stream_backlog_bytes: int = held(
        Setting(
            "MIX2API_STREAM_BACKLOG_BYTES",
            Size(1 << 16, 1 << 30),
            "1mb",
            "what may wait for a client, 256 bytes for each delta included; beyond it the upstream is read no further",
            unit="bytes",
        )
    )
    chunk_window_ms: int = held(
        Setting(
            "MIX2API_CHUNK_WINDOW_MS",
            Whole(0, 60_000),
            "250",
            "deltas within it are one entry of the log; clients get every delta at once",
            unit="ms",
        )
    )


@frozen(kw_only=True)
class Release:
    """Which release this process belongs to."""

    channel: Channel = held(
        Setting(
            "MIX2API_CHANNEL",
            Choice(Channel),
            "stable",
            "release channel, told in every `request` event; "
            "`canary` processes get the share that `mix2api release` gives them, and none before",
        )
    )
    weight: int = held(
        Setting(
            "MIX2API_WEIGHT",
            Whole(0, 10_000),
            "100",
            "this process's share of its channel's shards in proportion to the others; "
            "0: none while another process of the channel has a weight",
        )
    )


@frozen(kw_only=True)
class Logging:
    """Log lines."""

    format: LogFormat | None = held(
        Setting(
            "MIX2API_LOG_FORMAT",
            Choice(LogFormat),
            "",
            "form of log lines; without it `console` on a terminal, else `logfmt`",
        )
    )
    level: LogLevel = held(
        Setting("MIX2API_LOG_LEVEL", Choice(LogLevel), "info", "least level that is written")
    )
    headers: bool = held(
        Setting("LOG_HEADERS", Flag(), "false", "debugging: a line with each request's headers, redacted")
    )
    bodies: bool = held(
        Setting(
            "LOG_BODIES",
            Flag(),
            "false",
            "debugging: a line with the beginning of each chat request's body; secrets are masked, and content is not",
        )
    )
    tool_parse: bool = held(
        Setting(
            "LOG_TOOL_PARSE",
            Flag(),
            "false",
            "debugging: a line for each call that a site writes into its text; secrets are masked, and content is not",
        )
    )
    tool_selection: bool = held(
        Setting(
            "LOG_TOOL_SELECTION",
            Flag(),
            "false",
            "debugging: a line with the names of the tools that a turn's site is told of",
        )
    )
    token_info: bool = held(
        Setting(
            "LOG_TOKEN_INFO",
            Flag(),
            "false",
            "debugging: a line for each step in the life of a managed token; never the token",
        )
    )
