"""A whole system in one nursery: demo site, edge and worker (together or apart), Redis, and eyes on all of it."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager, redirect_stderr
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec
import trio
from attrs import define, field, frozen
from client_views import check_truth, view_of
from kept_logging import kept_logging
from wire_client import WireClient

from mix2api.cli.audit import AuditQuery, audit
from mix2api.cli.replay import ReplayQuery, replay
from mix2api.clock import SystemClock
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.events.kinds import End, Event, UpstreamChunk
from mix2api.process.parts import Role
from mix2api.process.running import Started, run_process
from mix2api.sessions.attribution import Cause, attribute
from mix2api.settings import load_settings
from mix2api.store.audit_stream import AuditedReceipt, AuditedRun
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store
from mix2api.vocabulary import RequestId, RunId, SessionId

SECRET = "the whole system's secret, 32 by"
SHARDS = 8
_LIMIT_S = 60
_DAY_MS = 86_400_000
RECEIPTS_AT_ONCE = {"MIX2API_RECEIPT_WINDOW_MS": "0"}
"""A test whose systems run in its own process looks for receipts at its end: it would wait a second for each."""
_FIRST_PAUSE_S, _LONGER, _PAUSE_MAX_S = 0.005, 1.5, 0.05


class Shape(StrEnum):
    """How the halves are spread over processes."""

    SERVE = "serve"
    APART = "edge+worker"


_ROLES = {Shape.SERVE: (Role.SERVE,), Shape.APART: (Role.WORKER, Role.EDGE)}


@define(eq=False)
class RunningProcess:
    """One `run_process` in the nursery."""

    role: Role
    stop: trio.Event = field(factory=trio.Event)
    ended: trio.Event = field(factory=trio.Event)
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    started: Started | None = None

    async def run(self, settings: dict[str, str], *, task_status: trio.TaskStatus[Started]) -> None:
        with self.scope:
            await run_process(
                load_settings(settings, None), self.role, stop=self.stop, task_status=task_status
            )
        self.ended.set()


@frozen
class RecordedRun:
    """What the event log says of one run."""

    session_id: SessionId
    run_id: RunId
    events: tuple[Event, ...]

    @property
    def end(self) -> End:
        """The one end; there must be exactly one."""
        (end,) = (event for event in self.events if isinstance(event, End))
        return end

    @property
    def recomputed(self) -> Cause:
        """The verdict, computed anew from the causes."""
        return attribute(event for event in self.events if isinstance(event, UpstreamChunk))


@define(eq=False, kw_only=True)
class WholeSystem:
    """A running system and what the tests see of it."""

    client: WireClient
    demo: Demo
    store: Store
    processes: list[RunningProcess]
    logged: io.StringIO

    def process(self, *roles: Role) -> RunningProcess:
        """The process that has one of these roles."""
        return next(process for process in self.processes if process.role in roles)

    @property
    def worker(self) -> RunningProcess:
        return self.process(Role.SERVE, Role.WORKER)

    async def stop(self) -> None:
        """Drains all processes, the last started first: their signal handlers are a stack."""
        for process in reversed(self.processes):
            process.stop.set()
            await process.ended.wait()

    def log_lines(self, event: str = "request.completed") -> list[dict[str, Any]]:
        """The lines of the log that tell of this."""
        lines = [msgspec.json.decode(line) for line in self.logged.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def run_of(self, request_id: str) -> RecordedRun:
        """The newest run with that request id, from the event log."""
        digest = self.store.seal.digest(request_id, "request_id")
        run_id, session_id = (await self.store.log.runs_of_request(digest))[-1]
        return RecordedRun(session_id, run_id, await self._events(session_id, run_id))

    async def ended_run_of(self, request_id: str) -> RecordedRun:
        """The same, once its end is in the log."""

        async def ended() -> bool:
            digest = self.store.seal.digest(RequestId(request_id), "request_id")
            if not await self.store.log.runs_of_request(digest):
                return False
            return any(isinstance(event, End) for event in (await self.run_of(request_id)).events)

        await until(ended)
        return await self.run_of(request_id)

    async def runs(self) -> list[RecordedRun]:
        """All ended runs."""
        return [
            RecordedRun(entry.session_id, entry.run_id, await self._events(entry.session_id, entry.run_id))
            for entry in await self._audited()
            if isinstance(entry, AuditedRun)
        ]

    async def receipts(self) -> dict[RunId, str]:
        """What the edge said of every ending."""
        return {
            entry.run_id: entry.receipt
            for entry in await self._audited()
            if isinstance(entry, AuditedReceipt)
        }

    async def wait_receipts(self, count: int) -> dict[RunId, str]:
        """The receipts, once there are so many: they are written behind the answer's back."""

        async def arrived() -> bool:
            return len(await self.receipts()) >= count

        await until(arrived)
        return await self.receipts()

    async def audit(self) -> dict[str, Any]:
        """What `mix2api audit --json` prints."""
        out = io.StringIO()
        await audit(self.store, AuditQuery(window_ms=_DAY_MS, as_json=True), out)
        report: dict[str, Any] = msgspec.json.decode(out.getvalue())
        return report

    async def replay(self, word: str) -> int:
        """The exit code of `mix2api replay`: 0 if every attribution is as recorded."""
        return await replay(self.store, ReplayQuery(word=word), io.StringIO(), SystemClock())

    async def check_log(self, *, runs: int) -> dict[str, Any]:
        """Waits until so many runs have ended, then checks every one of them.

        Exactly one end each, the verdict recomputed from its events is the recorded one, replay says so too, nothing is
        open, coverage is whole, and the audit says of every answer what its client saw. Gives the audit's report.
        """

        async def all_ended() -> bool:
            report = await self.audit()
            return bool(report["ended"] >= runs and not report["open"])

        await until(all_ended)
        recorded = await self.runs()
        assert len({run.run_id for run in recorded}) == len(recorded) == runs, recorded
        for run in recorded:
            end = run.end
            assert run.recomputed == Cause(end.end_reason, end.detail, end.finish_reason), run
            assert [event.seq for event in run.events if hasattr(event, "seq")] == list(
                range(1, 1 + sum(hasattr(event, "seq") for event in run.events))
            )
        for session_id in {run.session_id for run in recorded}:
            assert await self.replay(session_id) == 0
        report = await self.audit()
        assert (report["coverage"], report["unknown"], report["orphans"]) == (1.0, 0, 0)
        await self.check_truth()
        return await self.audit()

    async def check_truth(self) -> None:
        """Compares what every client of `self.client` saw with what the audit says of its run."""
        await check_truth(self.store.audit, map(view_of, self.client.answers))

    async def _audited(self) -> list[Any]:
        return [entry async for batch in self.store.audit.read_audit(_DAY_MS) for entry in batch]

    async def _events(self, session_id: SessionId, run_id: RunId) -> tuple[Event, ...]:
        records = [recorded.event async for recorded in self.store.log.records(session_id)]
        return tuple(event for event in records if event.run_id == run_id)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again, less often with time; the test's own deadline bounds it. For what nobody can be told of.

    Redis tells nobody when another process has appended. A look costs some milliseconds of CPU, most often an audit.
    """
    pause_s = _FIRST_PAUSE_S
    while not await holds():
        await trio.sleep(pause_s)
        pause_s = min(_LONGER * pause_s, _PAUSE_MAX_S)


@asynccontextmanager
async def whole_system(
    shape: Shape,
    redis_url: str,
    *,
    demo: DemoOptions | None = None,
    limit_s: float = _LIMIT_S,
    **settings: str,
) -> AsyncIterator[WholeSystem]:
    """Runs a system; on the way out every process is drained.

    Args:
        shape: one process or two.
        redis_url: the store.
        demo: of the demo site.
        limit_s: for the whole block.
        settings: environment names and values, over those of the tests.
    """
    with own_logging() as logged:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(limit_s):
                site: Demo = await nursery.start(serve_demo, demo or DemoOptions())
                environ = {**defaults(site.url, redis_url), **RECEIPTS_AT_ONCE, **settings}
                processes = [RunningProcess(role) for role in _ROLES[shape]]
                for process in processes:
                    process.started = await nursery.start(partial(process.run, environ))
                url = processes[-1].started.url  # type: ignore[union-attr]
                async with open_store(_store_options(environ)) as store:
                    system = WholeSystem(
                        client=WireClient(int(url.rpartition(":")[2])),  # type: ignore[union-attr]
                        demo=site,
                        store=store,
                        processes=processes,
                        logged=logged,
                    )
                    yield system
                    await system.stop()
            nursery.cancel_scope.cancel()


def defaults(site_url: str, redis_url: str) -> dict[str, str]:
    """The environment of the tests: a lease of a second, no pause and no drain at the end, everything else as it ships."""
    return {
        "UPSTREAM_API_BASE": site_url,
        "OPENCODE_URL": site_url,
        "UPSTREAM_AUTH_MODE": "none",
        "REDIS_URL": redis_url,
        "MIX2API_SECRET": SECRET,
        "MIX2API_SHARDS": str(SHARDS),
        "MIX2API_LEASE_S": "1",
        "MIX2API_DRAIN_TIMEOUT_S": "0",
        "MIX2API_DRAIN_READY_S": "0",  # no load balancer is there to see it
        "MIX2API_LOG_FORMAT": "json",
        "PORT": "0",
    }


def _store_options(environ: dict[str, str]) -> StoreOptions:
    return StoreOptions(
        url=environ["REDIS_URL"], secret=environ["MIX2API_SECRET"].encode(), shards=SHARDS, role="tests"
    )


@contextmanager
def own_logging() -> Any:
    """The log of all processes in one place; afterwards logging is as it was, and a failed test shows its log."""
    logged = io.StringIO()
    try:
        with kept_logging(), redirect_stderr(logged):
            yield logged
    except BaseException:
        print(logged.getvalue())  # noqa: T201 - pytest shows it with the failure
        raise
