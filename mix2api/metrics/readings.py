"""The gauges of one process at one moment, and what it counted beside its requests."""

from collections.abc import Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class Readings:
    """Taken at each scrape, from memory."""

    streams_open: int = 0
    """Answers under way at the edge, streamed or not."""
    runs: int = 0
    """Turns that run in the worker."""
    runtime_runs: int | None = None
    """Runs that have a session in a runtime, or are about to. None: there is no runtime."""
    queued: int = 0
    """Turns that wait for a slot."""
    spooled: int = 0
    """Entries that wait to be written to Redis."""
    dropped: int = 0
    """Appends that never reached Redis, since the start."""
    forgotten: int = 0
    """Appends that were fenced because Redis has lost what it had confirmed, since the start."""
    leases_held: int = 0
    """Shards that this process owns."""
    shards_without_owner: int | None = None
    """Shards that nobody owns. None: that is not known, or not looked for."""
    store_is_down: bool = False
    loop_lag_max_s: float = 0.0
    """The longest time since the last scrape for which the loop did not turn when it should have."""
    loop_lag_s: float = 0.0
    """All such times, since the start."""
    schema_fallbacks: int = 0
    model_fallbacks: int = 0
    """Models without a profile, each as often as it is warned of."""
    damage: int = 0
    """Entries and keys in Redis that were damaged."""
    logins: Mapping[str, int] = field(factory=dict)
    """Fetched credentials, by what became of it: `done`, or why not."""
    sessions: Mapping[tuple[str, str], int] = field(factory=dict)
    """Accepted runs by resolution and reason."""
