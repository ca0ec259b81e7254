"""`make release-drill CANDIDATE=breaks|tools|slow`: a candidate that is worse, from its start to the rollback by its guard.

Real processes over the embedded store: a stable `serve`, a candidate's `worker` behind a site with faults, a guard, and clients
at a steady rate. An operator starts the release and steps it to DRILL_PERCENT. Then the guard has to find out. Prints what each
part took. Ends with 1 if a bound of the release page does not hold.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

import trio
from attrs import define, field
from real_process import real_process
from release_drill.candidates import CANDIDATES, Candidate
from release_drill.load import Load

from mix2api import __version__
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.events.audit_entry import read_request_summary
from mix2api.process.storing import store_options
from mix2api.release.release import ReleaseState
from mix2api.release.stages import Stage
from mix2api.settings import load_settings
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.opening import open_store
from mix2api.store.store import Store
from mix2api.vocabulary import Channel

_PER_S: Final = float(os.environ.get("DRILL_RATE", "20"))
_PERCENT: Final = int(os.environ.get("DRILL_PERCENT", "50"))
_LIMIT_S: Final = float(os.environ.get("DRILL_LIMIT_S", "600"))
_REPORT: Final = str(
    Path(os.environ.get("DRILL_REPORT", Path(gettempdir()) / "release-drill.html")).absolute()
)
_ROLLED_BACK_S: Final = 60
"""From the guard's decision to the last shard of the canary (`docs/release.md`)."""
_BY: Final = ("--who", "drill", "--why", "the release drill")
_STEPS: Final = (5, 20, 50, 100)
_DAY_MS: Final = 86_400_000
_LOOK_S: Final = 0.1
_AFTER_S: Final = 10
"""In which clients go on after the rollback."""
_EXPLAINED: Final = 3
"""Failures that are explained, of each kind of client that should have seen none."""


@define(eq=False)
class Drill:
    """A deployment, and the release that goes through it."""

    environ: dict[str, str]
    folder: Path
    candidate: Candidate
    broken: list[str] = field(factory=list)
    """Bounds that do not hold."""

    async def mix2api(self, *words: str) -> str:
        """Runs a command, shows it, and gives what it prints."""
        print(f"$ mix2api {' '.join(words)}")
        done = await trio.run_process(
            [sys.executable, "-m", "mix2api", *words],
            env={**os.environ, **self.environ},
            cwd=self.folder,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text = (done.stdout or b"").decode()
        print("".join(f"  {line}\n" for line in text.splitlines()), end="")
        return text

    async def through(self, store: Store, load: Load) -> None:
        """Starts the release, has its gate pass, steps it forward, and waits for the guard's rollback."""
        await self.mix2api("release", "start", __version__, *_BY)
        gate = await self.mix2api("release", "check", *_BY)
        self._bound("check=PASS" in gate, "the gate did not pass")
        for percent in (one for one in _STEPS if one <= _PERCENT):
            await self.mix2api("release", "step", *_BY, "--without-guard")
            await _until(lambda percent=percent: self._owns(store, percent), _LOOK_S)  # type: ignore[misc]
        began_s = trio.current_time()
        before = Counter(load.seen)
        await _until(lambda: self._is_quarantined(store), _LOOK_S)
        found_s = trio.current_time() - began_s
        state = await store.release.read()
        await _until(lambda: self._owns(store, 0), _LOOK_S)
        gone_ms = await store.release.now_ms() - state.since_ms
        print(f"the guard rolled back {found_s:.0f} s after the step to {_PERCENT} %: {state.why}")
        print(f"from its decision to the last shard of the canary: {gone_ms / 1000:.2f} s")
        for (kind, ending), count in sorted((load.seen - before).items()):
            print(f"meanwhile {kind} saw {ending}: {count}")
        self._bound(gone_ms <= _ROLLED_BACK_S * 1000, f"the canary owned shards for {gone_ms} ms")
        await self._check_finding(store, state)
        await self._after(store, load, state.since_ms + gone_ms)

    async def _check_finding(self, store: Store, state: ReleaseState) -> None:
        """The guard found what is wrong, and not something else."""
        kept = await store.evidence.load(state.evidence)
        found = None if kept is None else kept.judgement.tests[0]
        self._bound(
            found is not None and found.metric in self.candidate.found_by,
            f"the guard's strongest test is {'none' if found is None else found.metric}",
        )

    async def _after(self, store: Store, load: Load, gone_ms: int) -> None:
        """Nothing of what comes after the rollback reaches the candidate, and no stream was cut."""
        await trio.sleep(_AFTER_S)
        late = Counter[Channel]()
        async for batch in store.audit.read_audit(_DAY_MS):
            for entry in batch:
                asked = read_request_summary(entry.request) if isinstance(entry, AuditedRun) else None
                if asked is not None and asked.at_ms > gone_ms:
                    late[asked.channel] += 1
        print(f"of the sessions since then, {late[Channel.CANARY]} of {late.total()} ran on the canary")
        self._bound(not late[Channel.CANARY], "the canary got sessions at 0 %")
        self._bound(not load.cut, f"{load.cut} streams were cut")
        self._bound(not load.lost, f"conversations were not continued: {dict(load.lost)}")
        for kind, failed in load.failed.items():
            if kind not in self.candidate.harms:
                self._bound(holds=False, why=f"{len(failed)} turns of {kind} failed")
                for request_id in failed[:_EXPLAINED]:
                    await self.mix2api("explain", request_id)

    @staticmethod
    async def _is_quarantined(store: Store) -> bool:
        return (await store.release.read()).stage is Stage.QUARANTINED

    @staticmethod
    async def _owns(store: Store, percent: int) -> bool:
        """Whether the canary owns the shards of that percentage."""
        counted = await store.census.take()
        owned = sum(one.shards for one in counted.processes if one.channel == Channel.CANARY)
        return owned == -(-counted.shards * percent // 100)

    def _bound(self, holds: object, why: str) -> None:
        if not holds:
            self.broken.append(why)


async def _until(holds: Callable[[], Awaitable[bool]], pause_s: float) -> None:
    while not await holds():  # noqa: ASYNC110 - Redis tells nobody when a process has followed
        await trio.sleep(pause_s)


async def drill(folder: Path, candidate: Candidate) -> list[str]:
    """Runs it; gives the bounds that do not hold."""
    print(f"the candidate {candidate.told}")
    async with trio.open_nursery() as nursery:
        site: Demo = await nursery.start(serve_demo, DemoOptions())
        failing: Demo = await nursery.start(serve_demo, candidate.site)
        # One site with two ways in: the sessions are the same, whichever channel a conversation goes on at.
        failing.site.sessions = site.site.sessions
        environ = {
            "UPSTREAM_API_BASE": site.url,
            "UPSTREAM_AUTH_MODE": "none",
            "UPSTREAM_RETRY_COUNT": "0",
            "MIX2API_DATA_DIR": str(folder),
            "MIX2API_LOG_FORMAT": "json",
            "PORT": "0",
        }
        one = Drill(environ, folder, candidate)
        async with AsyncExitStack() as stack:
            # First in and last out: the processes are killed, so none of them stops the embedded server.
            options = store_options(load_settings(environ, None), "release")
            store = await stack.enter_async_context(open_store(options))
            stable = await stack.enter_async_context(real_process("serve", environ))
            load = Load(await stable.wait_port(), _PER_S)
            canary = {"MIX2API_CHANNEL": "canary", "UPSTREAM_API_BASE": failing.url}
            worker = await stack.enter_async_context(real_process("worker", {**environ, **canary}))
            await worker.wait_line("process.started")
            await stack.enter_async_context(real_process("release", environ, "watch"))
            scope = await nursery.start(load.run)
            with trio.move_on_after(_LIMIT_S) as limit:
                await one.through(store, load)
            if limit.cancelled_caught:
                one.broken.append(f"the drill did not end within {_LIMIT_S:.0f} s")
            scope.cancel()
            await one.mix2api("release", "status")
            await one.mix2api("release", "report")
            await one.mix2api("release", "report", "--html", _REPORT)
            await one.mix2api("release", "history")
        nursery.cancel_scope.cancel()
    return one.broken


def main() -> int:
    """Runs the drill. 1 if a bound does not hold, 2 for a candidate that it does not have."""
    name = os.environ.get("CANDIDATE") or "breaks"
    candidate = CANDIDATES.get(name)
    if candidate is None:
        print(f"release-drill: CANDIDATE: {name!r} is none of {', '.join(CANDIDATES)}", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="release-drill-") as folder:
        broken = trio.run(drill, Path(folder), candidate)
    print(json.dumps({"drill": "failed" if broken else "passed", "candidate": name, "broken": broken}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
