"""The product under trial as real processes: `serve`, or `edge` and `worker` on a redis-server; and the demo site.

Their log is read while they run: it tells where they listen, and each request's `request.completed` line is half of
what a trial checks. Every process started here is ended here, by its own id.
"""

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import trio
from attrs import define, field
from redis_server import RedisServer

KEY: Final = "sk-of-the-client-trials"
MODELS: Final = ("mix/qwen-3-235b-instruct", "mix/claude-sonnet-4-5")
_SECRET: Final = "the secret of the client trials, 32 b"
_START_LIMIT_S: Final = 60
_STOP_LIMIT_S: Final = 15
_SITE_LIMIT_S: Final = 10
UNREADABLE: Final = "unreadable"
_COMMAND: Final = (sys.executable, "-m", "mix2api")


class Shape(StrEnum):
    """How the halves are spread over processes."""

    SERVE = "serve"
    APART = "edge + worker"


class Kind(StrEnum):
    """What the site speaks (`MIX2API_UPSTREAM`)."""

    MIX = "mix"
    OPENAI = "openai"
    RESPONSES = "responses"

    @property
    def keeps_sessions(self) -> bool:
        """Whether the turns of a conversation stand in one session of the site."""
        return self is Kind.MIX

    def base(self, site: str) -> str:
        """Where its endpoints are."""
        return site if self is Kind.MIX else f"{site}/v1"


Line = Mapping[str, Any]


@define(eq=False)
class Log:
    """All lines that the system's processes have written so far, and a way to wait for one."""

    lines: list[Line] = field(factory=list)
    _changed: trio.Condition = field(factory=trio.Condition)

    async def add(self, line: Line) -> None:
        self.lines.append(line)
        async with self._changed:
            self._changed.notify_all()

    def completed(self, request_id: str) -> list[Line]:
        """The `request.completed` lines of a request, in order."""
        return [
            line
            for line in self.lines
            if line["event"] == "request.completed" and line["request_id"] == request_id
        ]

    def errors(self) -> list[str]:
        """What stands at level `error`; a traceback as its last words."""
        errors = [
            str(line) for line in self.lines if line["level"] == "error" and line["event"] != UNREADABLE
        ]
        broken = [line["text"].strip("| ") for line in self.lines if line["event"] == UNREADABLE]
        words = [text for text in broken if text and not text.startswith("+--")]
        return errors + words[-1:]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until `holds` is true of the lines. Has no deadline: the caller has."""
        async with self._changed:
            while not holds():
                await self._changed.wait()


@define(eq=False, kw_only=True)
class System:
    """A running system."""

    shape: Shape
    url: str
    site: str
    environ: Mapping[str, str]
    log: Log
    processes: list[trio.Process]

    async def cut_by_client(self, at_least: int = 0) -> int:
        """How many clients the site has seen leave; waits until there are that many.

        Raises:
            TimeoutError: there were not within ten seconds.
        """
        counts = await trio.to_thread.run_sync(_counts, self.site, f"cut_by_client={at_least}")
        return counts["cut_by_client"]

    def ended(self) -> list[str]:
        """The processes that have ended by themselves, if any."""
        return [
            f"{_role(process)} has ended by itself: exit code {process.returncode}"
            for process in self.processes
            if process.poll() is not None
        ]

    async def stop(self) -> list[str]:
        """SIGTERM to each, the edge first; what was wrong with how they ended."""
        wrong = []
        for process in reversed(self.processes):
            if process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            with trio.move_on_after(_STOP_LIMIT_S):
                await process.wait()
            if process.returncode != 0:
                wrong.append(f"{_role(process)}: exit code {process.returncode} after SIGTERM")
        return wrong

    async def command(self, *words: str) -> tuple[int, bytes]:
        """Runs a command of the product on this system's store: exit code and output."""
        done = await trio.run_process(
            [*_COMMAND, *words], capture_stdout=True, check=False, env=self.environ, cwd=self.environ["HOME"]
        )
        return done.returncode, done.stdout


def _role(process: trio.Process) -> str:
    return str(process.args[len(_COMMAND)])


def _counts(site: str, query: str) -> dict[str, int]:
    connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=_SITE_LIMIT_S)
    try:
        connection.request("GET", f"/demo/stats?{query}")
        return msgspec.json.decode(connection.getresponse().read(), type=dict[str, int])
    finally:
        connection.close()


@asynccontextmanager
async def running_system(
    shape: Shape, directory: Path, settings: Mapping[str, str] | None = None, kind: Kind = Kind.MIX
) -> AsyncIterator[System]:
    """The processes of one shape.

    Args:
        shape: which.
        directory: empty; their home, data and log. Its path is short: it holds sockets.
        settings: of the product, beside those that every trial has.
        kind: of the site.
    """
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        environ = _environ(directory) | (settings or {})
        site_process = await stack.enter_async_context(
            _process(
                environ,
                *("demo-upstream", "--kind", kind.value, "--port", "0", "--pace-ms", "0"),
                pipe="stdout",
            )
        )
        site = await _site_url(site_process)
        environ |= {"MIX2API_UPSTREAM": kind.value, "UPSTREAM_API_BASE": kind.base(site)}
        environ |= _store(shape, directory, stack)
        log, processes = Log(), []
        for role in ("worker", "edge") if shape is Shape.APART else ("serve",):
            process = await stack.enter_async_context(_process(environ, role, pipe="stderr"))
            processes.append(process)
            nursery.start_soon(_read_log, process, log, directory / f"{role}.log")
            with trio.fail_after(_START_LIMIT_S):
                await log.until(lambda role=role: _is_up(log, role))
        url = next(line["url"] for line in log.lines if line["event"] == "edge.listening")
        yield System(shape=shape, url=url, site=site, environ=environ, log=log, processes=processes)
        nursery.cancel_scope.cancel()


def _environ(directory: Path) -> dict[str, str]:
    """Nothing of the caller's own settings gets in."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PORT": "0",
        "MODEL_LIST": ",".join(MODELS),
        "INBOUND_BEARER_TOKEN": KEY,
        "UPSTREAM_AUTH_MODE": "none",
        "MIX2API_DATA_DIR": str(directory / "data"),
        "MIX2API_LOG_FORMAT": "json",
    }


def _store(shape: Shape, directory: Path, stack: AsyncExitStack) -> dict[str, str]:
    if shape is Shape.SERVE:
        return {}
    redis = RedisServer(directory)
    redis.start()
    stack.callback(redis.stop)
    return {"REDIS_URL": redis.url, "MIX2API_SECRET": _SECRET}


@asynccontextmanager
async def _process(environ: Mapping[str, str], *words: str, pipe: str) -> AsyncIterator[trio.Process]:
    """`mix2api` with these words; killed at the end of the block if it still runs."""
    process = await trio.lowlevel.open_process(
        [*_COMMAND, *words],
        stdin=subprocess.DEVNULL,
        env=environ,
        cwd=environ["HOME"],
        **{pipe: subprocess.PIPE},
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


async def _site_url(process: trio.Process) -> str:
    said = b""
    assert process.stdout is not None
    with trio.fail_after(_START_LIMIT_S):
        while not said.endswith(b"\n"):
            data = await process.stdout.receive_some()
            if not data:
                raise RuntimeError("the demo site ended before it listened")
            said += data
    found = re.search(rb"http://[0-9.:]+", said)
    if found is None:
        raise RuntimeError(f"the demo site does not say where it listens: {said!r}")
    return found[0].decode()


async def _read_log(process: trio.Process, log: Log, path: Path) -> None:
    assert process.stderr is not None
    rest = b""
    async with await trio.open_file(path, "wb") as kept:
        async for data in process.stderr:
            await kept.write(data)
            await kept.flush()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                await log.add(_decoded(line))


def _decoded(line: bytes) -> Line:
    """A line of the log; one that is no JSON, of a traceback, is kept as the `text` of `UNREADABLE`."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"event": UNREADABLE, "level": "error", "text": line.decode("utf-8", "replace")}


def _is_up(log: Log, role: str) -> bool:
    wanted = "process.started" if role == "worker" else "edge.listening"
    return any(line["event"] == wanted for line in log.lines)
