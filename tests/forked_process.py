"""A `mix2api` command as a real process that has nothing to import, because it is forked from one that has.

A process that `real_process` starts needs 2.5 s of CPU before it serves: it imports 1,400 modules and loads vocabularies. The
stem (`tests/stem.py`) does that once in a run of pytest, and forks for each command. A fork is a process like any other: it has
an id, an environment, signals and a log of its own, and can be killed. It does not show that `python -m mix2api` starts;
`tests/processes/test_supervisor.py` shows that.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import trio
from attrs import define, field
from real_process import RealProcess, environment, reading
from stem import NUMBER, received

_STEM: Final = Path(__file__).with_name("stem.py")


@define(eq=False)
class Forked:
    """A forked command, with the methods of `trio.Process` that tests use."""

    pid: int
    stderr: trio.lowlevel.FdStream
    _end: int
    """A pipe on which the stem says the exit code."""
    returncode: int | None = None
    """Negative: the number of the signal that ended it."""
    _waiting: trio.Lock = field(factory=trio.Lock)

    def poll(self) -> int | None:
        """The exit code; None: it runs."""
        if self.returncode is None:
            with suppress(BlockingIOError):
                (self.returncode,) = NUMBER.unpack(os.read(self._end, NUMBER.size))
                os.close(self._end)
        return self.returncode

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        async with self._waiting:
            while (code := self.poll()) is None:
                await trio.lowlevel.wait_readable(self._end)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@define(eq=False)
class Stem:
    """The process that forks. It lives as long as this one."""

    _process: "subprocess.Popen[bytes]"
    _connection: socket.socket

    @classmethod
    def start(cls) -> "Stem":
        ours, theirs = socket.socketpair()
        with theirs:
            return cls(subprocess.Popen([sys.executable, str(_STEM)], stdin=theirs, cwd="/"), ours)

    def fork(self, arguments: list[str], environ: Mapping[str, str]) -> Forked:
        """Forks a process. The first one waits until the stem has imported everything."""
        asked = msgspec.json.encode((arguments, environ))
        said, says = os.pipe()
        end, ends = os.pipe()
        os.set_blocking(end, False)
        try:
            socket.send_fds(self._connection, [NUMBER.pack(len(asked))], [says, ends])
            self._connection.sendall(asked)
            (pid,) = NUMBER.unpack(received(self._connection, NUMBER.size))
        finally:
            os.close(says)
            os.close(ends)
        return Forked(pid, trio.lowlevel.FdStream(said), end)


_stem = cache(Stem.start)
"""One for a run of pytest."""


@asynccontextmanager
async def forked_process(
    command: str, settings: Mapping[str, str], *arguments: str
) -> AsyncIterator[RealProcess]:
    """Forks `mix2api <command> <arguments>`; leaving the block kills it if it still runs."""
    process: Any = _stem().fork([command, *arguments], environment(settings))
    async with process.stderr, reading(process) as running:
        yield running
