"""Runs a crowd's machine over a whole system in one nursery, for one seed, and says what it came to."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

import trio
from attrs import define, field
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from invariant.crowd import Crowd
from invariant.machine import machine
from redis_server import RedisServer
from whole_system import RunningProcess, Shape, WholeSystem, defaults, whole_system

from mix2api.process.parts import Role

SETTINGS = {
    # Nothing is told but faults: a line per request would cost more than the request's checks.
    "MIX2API_LOG_LEVEL": "error",
    # Of two dozen users' sessions most leave memory between their turns.
    "MIX2API_ACTOR_IDLE_MAX": "6",
    "MIX2API_CHUNK_WINDOW_MS": "20",
    # The site has tools of its own: told of them in words, it would hold the adapter's words beside the users'.
    "SEND_UPSTREAM_TOOLS": "true",
    # A refusal is the turn's, not the retry's.
    "UPSTREAM_RETRY_COUNT": "0",
}


def small_window(tokens: int) -> dict[str, str]:
    """Settings by which conversations outgrow their models."""
    profile = {"context_window": tokens, "max_input_tokens": tokens, "max_new_tokens": tokens // 8}
    return {"MODEL_PROFILE_JSON": json.dumps({"*": profile})}


@define
class Totals:
    """What all crowds of a run did."""

    steps: int = 0
    users: int = 0
    """Who took part in the largest crowd."""
    continued: int = 0
    fresh: int = 0
    restarts: int = 0
    """Of all processes."""
    emptied: int = 0
    """Times that the store was emptied."""
    named: int = 0
    """Sessions that somebody named, and brought to where a user's own stands."""
    rolled_over: int = 0
    """Turns that went to a fresh session, because theirs was full."""
    trimmed: int = 0
    """Turns whose history was trimmed."""

    def __iadd__(self, other: "Totals") -> Self:
        self.steps += other.steps
        self.users = max(self.users, other.users)
        self.continued += other.continued
        self.fresh += other.fresh
        self.restarts += other.restarts
        self.emptied += other.emptied
        self.named += other.named
        self.rolled_over += other.rolled_over
        self.trimmed += other.trimmed
        return self

    def add(self, crowd: Crowd) -> None:
        self.users = max(self.users, crowd.active)
        self.steps += crowd.steps
        self.continued += crowd.waiting.continued
        self.fresh += crowd.waiting.fresh
        self.restarts += crowd.restarts
        self.emptied += crowd.emptied
        self.named += crowd.named
        self.rolled_over += crowd.rolled_over
        self.trimmed += crowd.trimmed


@define(eq=False)
class _Processes:
    """The system's one process, and those that come after it."""

    system: WholeSystem
    environ: dict[str, str]
    nursery: trio.Nursery
    ports: Sequence[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ports = [self.system.client.port]

    async def renew(self) -> Sequence[int]:
        await self.system.stop()
        process = RunningProcess(Role.SERVE)
        started = await self.nursery.start(partial(process.run, self.environ))
        self.system.processes[:] = [process]
        self.ports = [int(started.url.rpartition(":")[2])]
        return self.ports


async def run_machine(
    make: Callable[[], Crowd], totals: Totals, number: int, *, crowds: int, rules: int
) -> None:
    """Drives one crowd after the other from a thread: hypothesis is synchronous.

    Args:
        make: a new crowd.
        totals: takes what they did.
        number: the seed.
        crowds: hypothesis' examples; its first one is the simplest of all: one user who says the same again and again.
        rules: applied to each; a rule is one request or several, each of which counts as a step.

    Raises:
        CrossTalk, WrongReuse: the invariant does not hold.
    """
    kept = settings(
        max_examples=crowds,
        stateful_step_count=rules,
        deadline=None,
        database=None,
        # Shrinking takes minutes; the seed brings the same story back, and who mends it may shrink it then.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        # What failed is told by the oracle; hypothesis would list a thousand moves.
        verbosity=Verbosity.quiet,
    )
    faults: list[AssertionError] = []
    seeded = seed(number)(machine(make, totals.add, faults))
    try:
        await trio.to_thread.run_sync(partial(run_state_machine_as_test, seeded, settings=kept))
    finally:
        if faults:
            raise faults[0]


async def run_trial(
    redis: RedisServer, number: int, *, crowds: int = 5, rules: int = 100, window: int | None = None
) -> Totals:
    """Has crowds act, one after the other.

    Args:
        redis: the store; it is not emptied between crowds, each has a key of its own.
        number: the seed.
        crowds: as of `run_machine`.
        rules: likewise.
        window: of the models, in tokens; None: the default one, which nobody fills.

    Raises:
        CrossTalk, WrongReuse: the invariant does not hold.
    """
    totals = Totals()
    given = {**SETTINGS, **({} if window is None else small_window(window))}
    async with (
        whole_system(Shape.SERVE, redis.url, **given) as system,
        trio.open_nursery() as nursery,
    ):
        environ = {**defaults(system.demo.url, redis.url), **given}
        processes = _Processes(system, environ, nursery)

        def crowd() -> Crowd:
            return Crowd(system.demo, processes.ports, processes.renew, partial(redis.command, "FLUSHALL"))

        await run_machine(crowd, totals, number, crowds=crowds, rules=rules)
        await system.stop()
    return totals
