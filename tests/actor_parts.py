"""A worker over the package's fakes: the memory log, the scripted upstream, and a clock that is trio's own."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define

from mix2api.actors.environment import ActorOptions, Completed, Environment
from mix2api.actors.worker import MemoryDispatch, Worker
from mix2api.errors import Overloaded
from mix2api.events.kinds import End, Event, Request, SessionNote, UpstreamChunk
from mix2api.identity import Mint, shard_of
from mix2api.sealing import Seal
from mix2api.sessions.worker_port import Ended, ReasoningDelta, Replies, Reply, Submission, TextDelta
from mix2api.store.memory import MemoryEventLog, MemoryWorld
from mix2api.upstreams.port import Finished, Opened, Started, Text, UpstreamEvent
from mix2api.upstreams.scripted import Script, ScriptedUpstream
from mix2api.vocabulary import (
    Channel,
    Detail,
    Digest,
    ProcessId,
    RequestId,
    RunId,
    SessionId,
    SessionWord,
    Shard,
)
from mix2api.wire.turn import Message, Turn

SEAL = Seal(b"the actors' tests' secret")
PROCESS = ProcessId("p_000000000001")
OTHER = ProcessId("p_000000000002")
EDGE = ProcessId("p_00000000000e")
MODEL = "mix/known"
SHARD = Shard(1)
LIMIT_S = 600
"""Virtual seconds where the clock jumps, real ones elsewhere: a guard against hanging, no expectation."""


def _run_jumping(test: Callable[[], Any], *, clock: object, instruments: Any) -> Any:
    del clock
    return trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0), instruments=instruments)


def let_time_jump(items: Iterable[pytest.Item], place: Path) -> None:
    """Has the asynchronous tests of a folder, or of one file, run on a clock that jumps when nobody can run.

    For tests that have neither threads nor sockets. By a marker before pytest-trio's own, which it goes by: a clock
    fixture would have to stand in every test's signature.
    """
    for item in items:
        if place in {item.path, item.path.parent} and iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.trio(run=_run_jumping), append=False)


def sleep_through(seconds: float) -> None:
    """Time passes in which nothing of this process runs."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    clock.jump(seconds)


BEGINNING: list[UpstreamEvent] = [Opened(200), Started("site-session", "site-exchange")]
GOOD: Script = [BEGINNING, [Text("hello "), Text("world")], [Finished("stop")]]


class TrioClock:
    """The `Clock` of tests: trio's time, whatever clock trio runs on."""

    def now_ms(self) -> int:
        return 1_700_000_000_000 + int(self.monotonic_ms())

    def monotonic_ms(self) -> float:
        return trio.current_time() * 1000


CLOCK = TrioClock()
MINT = Mint(SEAL, CLOCK)


def session_id(shard: Shard = SHARD) -> SessionId:
    return MINT.session_id(shard)


def turn(*texts: str, **fields: Any) -> Turn:
    """User messages, streamed unless a field says otherwise."""
    messages = [Message(role="user", content=text) for text in texts or ("hi",)]
    return Turn(**({"model": MODEL, "messages": messages, "stream": True} | fields))


def submission(content: Turn | None = None, **fields: Any) -> Submission:
    known: dict[str, Any] = {
        "run_id": RunId(f"run_{next(_numbers):028x}"),
        "request_id": RequestId("req-1"),
        "turn": content if content is not None else turn(),
        "body_bytes": 100,
        "client": "other",
        "isolation": Digest("0" * 32),
        "edge": EDGE,
    }
    return Submission(**(known | fields))


def _count() -> Iterable[int]:
    number = 0
    while True:
        number += 1
        yield number


_numbers = iter(_count())


@define(eq=False)
class Bench:
    """A worker at work, and all that it does."""

    log: MemoryEventLog
    upstream: ScriptedUpstream
    environment: Environment
    worker: Worker
    completed: list[Completed]
    faults: list[tuple[SessionId, BaseException]]
    shards: list[Shard]
    """Of the worker's own; the first is drawn."""
    unheard: list[tuple[Submission, Ended]]

    @property
    def world(self) -> MemoryWorld:
        return self.log.world

    async def submit(self, of: Submission | None = None) -> Replies:
        dispatch = MemoryDispatch(self.worker, self.environment)
        return await dispatch.submit(of if of is not None else submission())

    async def ask(self, of: Submission | None = None) -> list[Reply]:
        """All replies to a turn."""
        return await all_of(await self.submit(of))

    def events(self, session: SessionId | None = None) -> list[Event]:
        """The log of a session, of the only one if none is named."""
        logs = self.world.logs
        if session is None:
            (session,) = logs
        return [recorded.event for recorded in logs[session]]

    def ends(self) -> list[End]:
        """Of all sessions, by position."""
        recorded = [each for log in self.world.logs.values() for each in log]
        recorded.sort(key=lambda each: int(each.position.partition("-")[0]))
        return [each.event for each in recorded if isinstance(each.event, End)]

    def requests(self) -> list[Request]:
        return [
            each.event for log in self.world.logs.values() for each in log if isinstance(each.event, Request)
        ]

    def receipts(self) -> list[tuple[str, ...]]:
        return [entry for entry in self.world.audit if entry[0] == "receipt"]

    def refused(self) -> int:
        return sum(int(entry[1]) for entry in self.world.audit if entry[0] == "refused")


def bench(
    scripts: Iterable[Script],
    log: MemoryEventLog | None = None,
    replacing: dict[str, Any] | None = None,
    **options: Any,
) -> Bench:
    """A worker that has not begun to live.

    Args:
        scripts: of its upstream, call by call.
        log: an empty one if none is given.
        replacing: fields of its `Environment` that are to be others.
        options: `ActorOptions`' own.
    """
    log = MemoryEventLog(PROCESS) if log is None else log
    log.take_all(4)
    upstream = ScriptedUpstream(scripts)
    completed: list[Completed] = []
    faults: list[tuple[SessionId, BaseException]] = []
    fallbacks: list[SessionId] = []
    unheard: list[tuple[Submission, Ended]] = []

    async def reclaim(session: SessionId) -> bool:
        return log.world.leases.setdefault(shard_of(session), PROCESS) == PROCESS

    fields: dict[str, Any] = {
        "process": PROCESS,
        "channel": Channel.STABLE,
        "log": log,
        "upstream": upstream,
        "clock": CLOCK,
        "seal": SEAL,
        "options": ActorOptions(**_readable(options)),
        "model_names": frozenset({MODEL}),
        "mint": MINT,
        "reclaim": reclaim,
        "on_schema_fallback": fallbacks.append,
        "on_completed": completed.append,
        "on_audited": lambda *_: None,
        "on_unheard": lambda of, told: unheard.append((of, told)),
        "on_fault": lambda session, fault: faults.append((session, fault)),
    }
    environment = Environment(**(fields | (replacing or {})))
    shards = [SHARD]

    def draw() -> Shard:
        if not shards:
            raise Overloaded("no shard", detail=Detail.NO_OWNER)
        return shards[0]

    worker = Worker(environment, MINT, draw)
    return Bench(log, upstream, environment, worker, completed, faults, shards, unheard)


def _readable(options: dict[str, Any]) -> dict[str, Any]:
    """The options, with one word for the sites of all models."""
    is_in_text = options.get("tools_in_text", False)
    return options | {"tools_in_text": lambda _: is_in_text}


async def never_reclaimed(_: SessionId) -> bool:
    """The shard is another's."""
    return False


@asynccontextmanager
async def living(made: Bench) -> AsyncIterator[Bench]:
    """The bench with its worker alive."""
    async with trio.open_nursery() as nursery:
        await nursery.start(made.worker.live)
        with trio.fail_after(LIMIT_S):
            yield made
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def working(
    *scripts: Script,
    log: MemoryEventLog | None = None,
    replacing: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Bench]:
    """A living worker whose upstream plays these scripts; the rest as for `bench`."""
    async with living(bench(scripts, log, replacing, **options)) as made:
        yield made


async def all_of(replies: Replies) -> list[Reply]:
    """Takes until the ending."""
    taken: list[Reply] = []
    while not (taken and isinstance(taken[-1], Ended)):
        taken += await replies.take()
    return taken


async def end_of(replies: Replies) -> Ended:
    """The ending; what came before is passed over."""
    return ended(await all_of(replies))


def ended(replies: list[Reply]) -> Ended:
    last = replies[-1]
    assert isinstance(last, Ended)
    assert sum(isinstance(reply, Ended) for reply in replies) == 1
    return last


def text_of(replies: list[Reply]) -> str:
    return "".join(reply.text for reply in replies if isinstance(reply, TextDelta | ReasoningDelta))


def kinds(events: Iterable[Event]) -> list[str]:
    """Kinds of events in short, with the word that chunks and notes carry."""
    return [_kind(event) for event in events]


def _kind(event: Event) -> str:
    match event:
        case UpstreamChunk(kind=kind):
            return kind.value
        case SessionNote(word=word):
            return f"session {SessionWord(word).value}"
        case _:
            return type(event).__name__


async def until(condition: Callable[[], bool]) -> None:
    """Lets the others run until it holds, for as long as they can run without time passing."""
    for _ in range(_TURNS):
        if condition():
            return
        await trio.lowlevel.checkpoint()
    raise AssertionError("it did not come to that")


_TURNS = 1000
"""Turns of the loop: what is to happen without time passing happens in a dozen."""
