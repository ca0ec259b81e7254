"""What `sessions.py` finds: plain records, from which `sessions_report.py` makes SESSIONS.md."""

import msgspec
from results import Machine


class Resolving(msgspec.Struct, frozen=True):
    """The pure part of resolving one history, many times."""

    says: str
    kind: str
    """The history's short name."""
    messages: int
    size_bytes: int
    """Of the messages as JSON."""
    extra_bytes: int
    """Of the tools as JSON: they are digested too."""
    cpu_ms: list[float]
    bare_ms: list[float]
    """BLAKE2b over as many bytes, the floor."""


class Trips(msgspec.Struct, frozen=True):
    """What Redis counted while sessions were resolved one after the other."""

    says: str
    resolutions: int
    found: int
    """Of them, how many led to a session."""
    reads: int
    """Pieces that Redis read from its sockets: a round trip is one."""
    commands: dict[str, int]


class Sent(msgspec.Struct, frozen=True):
    """One continued turn as the demo site received it."""

    says: str
    new_bytes: int
    """Its new messages as JSON, as the client sent them."""
    body_bytes: int
    head_bytes: int
    query_bytes: int
    """Of `request.query`, which repeats what the user said."""
    tools_bytes: int
    """Of the body's `tools`, as the client gave them."""

    @property
    def beyond_bytes(self) -> int:
        """All that went up, head and body, beyond the new messages and the client's `tools`, which the site does not keep."""
        return self.head_bytes + self.body_bytes - self.new_bytes - self.tools_bytes


class Wave(msgspec.Struct, frozen=True):
    """The same turn of some sessions: CPU of this process and of Redis, in microseconds, all turns together."""

    turn: int
    turns: int
    resolve_us: float
    run_us: float
    redis_us: float
    wall_s: float
    not_continued: int

    def __add__(self, other: "Wave") -> "Wave":
        """Both together, under this one's turn."""
        return Wave(
            turn=self.turn,
            turns=self.turns + other.turns,
            resolve_us=self.resolve_us + other.resolve_us,
            run_us=self.run_us + other.run_us,
            redis_us=self.redis_us + other.redis_us,
            wall_s=self.wall_s + other.wall_s,
            not_continued=self.not_continued + other.not_continued,
        )


class Shot(msgspec.Struct, frozen=True):
    """What is held at one moment."""

    sessions: int
    """That there have been."""
    turn: int
    """Of the cohort under way."""
    rss_kb: int
    redis_bytes: int
    actors: int
    snapshot_bytes: float = 0.0
    """Of one session's folded state, averaged over a few."""
    events: float = 0.0
    """That a cold session reads after its snapshot, likewise."""


class Cohort(msgspec.Struct, frozen=True):
    """Sessions that live through all their turns side by side."""

    kind: str
    """How its requests find their sessions."""
    sessions: int
    before: int
    """Redis bytes before its first turn."""
    waves: list[Wave]
    shots: list[Shot]


class Return(msgspec.Struct, frozen=True):
    """Old sessions that come back after they left memory, once so many there have been."""

    sessions: int
    wave: Wave


class Growth(msgspec.Struct, frozen=True):
    """The whole of the growth part."""

    turns: int
    idle_max: int
    cohorts: list[Cohort]
    cold: Cohort
    """Every turn of it comes back from Redis."""
    returns: list[Return]
    by_kind: dict[str, int]
    """Redis bytes by kind of key at the end."""
    marks: list[Shot]
    """After each cohort."""


class SessionResults(msgspec.Struct, frozen=True):
    """Everything of one run."""

    begun: str
    quick: bool
    asked: int | None
    """Sessions, if a number was asked for."""
    seconds: float
    load: float
    """The machine's load average over a minute, at the beginning."""
    machine: Machine
    resolving: list[Resolving]
    trips: list[Trips]
    sent: list[Sent]
    growth: Growth
