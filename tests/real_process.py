"""A `mix2api` command as a real process, whose log is read line by line, and which can be killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from attrs import define, field

_ADDRESS = re.compile(r":(\d+)")


@define(eq=False)
class RealProcess:
    """A running command; its standard error is a log in JSON."""

    process: trio.Process
    lines: list[dict[str, Any]] = field(factory=list)
    rest: list[str] = field(factory=list)
    """Lines that are no JSON: what a command says when it cannot run."""
    _news: trio.Condition = field(factory=trio.Condition)
    _over: bool = False

    async def read(self) -> None:
        """Takes the log in, until the process has closed it."""
        stderr = self.process.stderr
        assert stderr is not None
        held = b""
        async for data in stderr:
            *whole, held = (held + data).split(b"\n")
            async with self._news:
                for line in whole:
                    self._take(line)
                self._news.notify_all()
        async with self._news:
            self._over = True
            self._news.notify_all()

    def _take(self, line: bytes) -> None:
        try:
            self.lines.append(msgspec.json.decode(line))
        except msgspec.DecodeError:
            self.rest.append(line.decode())

    async def wait_line(
        self, event: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """The first line that tells of that event and is as wanted; waits for it."""
        async with self._news:
            while True:
                for line in self.lines:
                    if line["event"] == event and holds(line):
                        return line
                assert not self._over, f"the log ended before {event}"
                await self._news.wait()

    async def wait_lines(self, event: str, count: int) -> None:
        """Waits until so many lines tell of that event."""
        async with self._news:
            while sum(line["event"] == event for line in self.lines) < count:
                assert not self._over, f"the log ended before {count} of {event}"
                await self._news.wait()

    async def wait_over(self) -> int:
        """The exit code, once it has ended and all that it said is here."""
        code = await self.process.wait()
        async with self._news:
            while not self._over:
                await self._news.wait()
        return code

    async def wait_port(self, event: str = "edge.listening") -> int:
        """Where its edge listens."""
        line = await self.wait_line(event)
        found = _ADDRESS.findall(line["url"])
        return int(found[-1])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        """Kill -9, as a crash would."""
        self.process.kill()
        await self.process.wait()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings, and no others of ours."""
    own = ("MIX2API_", "UPSTREAM_", "REDIS_", "INBOUND_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**inherited, **settings}


@asynccontextmanager
async def reading(process: trio.Process) -> AsyncIterator[RealProcess]:
    """Reads the log of a process; leaving the block kills it if it still runs."""
    running = RealProcess(process)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(running.read)
        try:
            yield running
        except BaseException:
            print(*running.lines, *running.rest, sep="\n")  # noqa: T201 - pytest shows it with the failure
            raise
        finally:
            with trio.CancelScope(shield=True):
                if process.poll() is None:
                    process.kill()
                await process.wait()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def real_process(
    command: str, settings: Mapping[str, str], *arguments: str
) -> AsyncIterator[RealProcess]:
    """Starts `mix2api <command> <arguments>`; leaving the block kills it if it still runs."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "mix2api", command, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment(settings),
        cwd="/",  # no `.env`, and the installed package
    )
    async with reading(process) as running:
        yield running
