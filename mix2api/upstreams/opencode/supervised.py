"""A runtime that this process starts (`OPENCODE_COMMAND`): it is started again when it ends, and ends with this process.

The process in between, `guard`, ends the runtime also where this process is killed. Only the guard and its process group are
ever told to end.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import trio
from attrs import field, frozen

from mix2api.upstreams.opencode import guard
from mix2api.upstreams.surroundings import Remark

HOST: Final = "127.0.0.1"
PORT: Final = "{port}"
"""In a command: the port to listen on."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
"""Between the end of a runtime and its next start: doubled each time that it ends young."""
_YOUNG_S: Final = 10.0
_END_S: Final = 5.0
"""For the guard's own ending; it gives the runtime three seconds of these."""


@frozen(kw_only=True)
class Launch:
    """How a runtime is started."""

    command: tuple[str, ...] = field(repr=False)
    """The program's whole path, and its arguments; `{port}` in one of them stands for the port."""
    directory: str | None
    environ: Mapping[str, str] = field(repr=False)

    def arguments(self, port: int) -> tuple[str, ...]:
        """The command for a port. Where it does not say `{port}`, it gets the arguments of `opencode serve`."""
        if any(PORT in word for word in self.command):
            return tuple(word.replace(PORT, str(port)) for word in self.command)
        return (*self.command, "--hostname", HOST, "--port", str(port))


def free_port() -> int:
    """A port that nobody listens on now. The runtime keeps it over all its starts."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@frozen
class SupervisedRuntime:
    """Keeps one runtime running.

    Args:
        launch: how it is started.
        port: where it listens, on 127.0.0.1.
        tell: told of each start and each end.
    """

    launch: Launch
    port: int
    _tell: Callable[[Remark], None]

    async def keep(self, environ: Mapping[str, str]) -> None:
        """Runs it for ever, and ends it when cancelled.

        Args:
            environ: more of its environment.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            began_s = trio.current_time()
            code = await self._run({**self.launch.environ, **environ})
            if trio.current_time() - began_s >= _YOUNG_S:
                pause_s = _FIRST_PAUSE_S
            self._tell(
                Remark(event="runtime.ended", facts={"code": code, "again_in_ms": int(pause_s * 1000)})
            )
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _run(self, environ: Mapping[str, str]) -> int:
        """One life of it; gives its exit code."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-I", str(Path(guard.__file__)), *self.launch.arguments(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # what it says may hold what its users said
            stderr=subprocess.DEVNULL,
            cwd=self.launch.directory,
            env=environ,
        )
        self._tell(
            Remark(event="runtime.started", facts={"pid": process.pid, "port": self.port}, is_warning=False)
        )
        try:
            code = await process.wait()
        finally:
            with trio.CancelScope(shield=True):
                await _ended(process)
        # The guard may have left tools that do not heed SIGTERM, or, where it was killed itself, its whole group. While one of
        # the group lives, its number is nobody else's.
        _kill(process.pid)
        return code


async def _ended(process: trio.Process) -> None:
    """Ends the guard, and with it the runtime. Bounded."""
    if process.stdin is not None:
        await process.stdin.aclose()
    with trio.move_on_after(_END_S):
        await process.wait()
        return
    _kill(process.pid)
    await process.wait()


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
