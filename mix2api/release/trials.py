"""What one run says in the comparison of two channels, and the metrics that are compared."""

from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from mix2api.vocabulary import EndReason


class Cell(NamedTuple):
    """Which requests are alike enough to be compared by themselves: a regression may hit one kind of them alone."""

    client: str
    stream: bool
    tools: bool

    @property
    def word(self) -> str:
        """`opencode/stream/tools`."""
        return f"{self.client}/{'stream' if self.stream else 'whole'}/{'tools' if self.tools else 'plain'}"


class Origin(IntEnum):
    """Where a turn's session comes from. Each kind fails for other causes and at another rate, and has tables of its own (ADR 101)."""

    FRESH = 0
    """The turn opened the session."""
    CONTINUED = 1
    """An earlier turn opened it, since the step began."""
    CARRIED = 2
    """It was opened before the step, and its shard decided its channel."""


class Trial(NamedTuple):
    """A run whose ending is settled, as one observation. A tuple: a day has millions."""

    at_ms: int
    """When it was settled, on the store's clock."""
    run_id: str
    session: str
    turn: str | None
    """Equal where a client resends a failed turn; None: an older process wrote the entry."""
    cell: Cell
    canary: bool
    """Its worker is the candidate's."""
    edge_canary: bool
    """Its edge is."""
    age_ms: int
    """Of its session; 0 where the run opened it."""
    reason: EndReason
    """What the client was told."""
    detail: str | None
    asked: bool
    """Ours to serve."""
    served: bool
    stayed: bool
    """A stream whose client stayed."""
    broken: bool
    done: bool
    """The ending in the log was written whole, `[DONE]` included."""
    brings_results: bool
    """The turn goes on with a tool loop."""
    first_token_ms: int | None
    carried: bool = False
    """Its session was opened before the step, and the turn was asked after it."""

    @property
    def continued(self) -> bool:
        """Whether its session had been opened before."""
        return self.age_ms > 0

    @property
    def origin(self) -> Origin:
        """With which other trials it may be compared."""
        if self.carried:
            return Origin.CARRIED
        return Origin.CONTINUED if self.continued else Origin.FRESH

    @property
    def touches_canary(self) -> bool:
        """Whether any part of the candidate had to do with it."""
        return self.canary or self.edge_canary

    @property
    def is_bad(self) -> bool:
        """Whether its client did not get what it asked for, by our doing or the upstream's."""
        return (self.asked and not self.served) or (self.stayed and not self.done)


class Metric(StrEnum):
    """What is compared. The names are those of `docs/slo.md`, as far as it has them."""

    SUCCESS = "success"
    BROKEN = "unbroken_streams"
    DONE = "done"
    LOOPS = "loop_closure"
    MEDIAN = "first_token_median"
    TAIL = "first_token_tail"
    DRIFT = "drift"


RATES: Final[dict[Metric, tuple[Callable[[Trial], bool], Callable[[Trial], bool]]]] = {
    Metric.SUCCESS: (lambda trial: trial.asked, lambda trial: not trial.served),
    Metric.BROKEN: (lambda trial: trial.stayed, lambda trial: trial.broken),
    Metric.DONE: (lambda trial: trial.stayed, lambda trial: not trial.done),
    Metric.LOOPS: (lambda trial: trial.asked and trial.brings_results, lambda trial: not trial.served),
}
"""Metric -> whether a trial counts for it, and whether it is a bad one."""
