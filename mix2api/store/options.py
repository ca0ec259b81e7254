"""What the store is opened with: one frozen group, built by the composition root from the settings."""

from pathlib import Path

from attrs import field, frozen

from mix2api.store.redis.location import Timeouts
from mix2api.vocabulary import Channel


@frozen(kw_only=True)
class SpoolLimits:
    """How much may wait for Redis in this process."""

    appends: int = 20_000
    """At about 2 kB of Python objects each some 40 MB; ten seconds of 200 streams at ten appends a second."""
    size_bytes: int = 32 * 1024 * 1024
    """Of encoded events."""
    droppable_share: float = 0.75
    """Chunk events may fill this much; the rest is kept for `request` and `end`."""


@frozen(kw_only=True)
class StoreOptions:
    """Everything that the store has to be told."""

    url: str | None = None
    """`REDIS_URL`; None is the embedded server."""
    data_dir: Path = Path(".mix2api")
    """Of the embedded server and its secret."""
    prefix: str = "mix2api"
    shards: int = 256
    """1 to 65,536 (a session id carries four hex digits of it); fixed for a deployment."""
    secret: bytes | None = field(default=None, repr=False)
    """`MIX2API_SECRET`; required with `url`, else made and kept in the data directory."""
    timeouts: Timeouts = field(factory=Timeouts)
    retention_s: int = 90_000
    waiting_s: int = 1800
    """How long a session is found by its history or name (`SESSION_TTL_MS`)."""
    lease_s: float = 5.0
    receipt_window_s: float = 1.0
    """Receipts wait so long: the client has its ending, and a shard in use sees another append before."""
    spool: SpoolLimits = field(factory=SpoolLimits)
    version: str = ""
    """Of this code, for the heartbeat."""
    channel: Channel = Channel.STABLE
    weight: int = 100
    role: str = "serve"
    """`serve`, `edge`, `worker` or the name of a command."""
