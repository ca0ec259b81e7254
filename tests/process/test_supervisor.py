"""The supervisor over processes that start in milliseconds: they do what a `serve` does with signals and with the control line."""

import os
import signal
import sys
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from attrs import define, field
from whole_system import until

from mix2api.edge.server import listening_socket
from mix2api.process.supervisor import Supervisor

_LIMIT_S: Final = 60
_CHILD: Final = """
import os, signal, sys, pathlib
folder, patience, control = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[-1])
told = []

def hear(number, _):
    told.append(number)
    (folder / f"told-{os.getpid()}").touch()
    if number == signal.SIGUSR1 or len(told) >= patience:
        os._exit(0)

if (folder / "code").exists():
    sys.exit(int((folder / "code").read_text()))
signal.signal(signal.SIGTERM, hear)
signal.signal(signal.SIGUSR1, hear)
os.write(control, b"r")
(folder / f"ready-{os.getpid()}").touch()
while True:
    signal.pause()
"""
"""Says that it is ready, and ends at SIGUSR1 or at the SIGTERM of the number that it was given. A file `code` makes it end at
its start."""


@define(eq=False)
class Watched:
    """A running supervisor, what it logged, and what its processes left in a folder."""

    folder: Path
    lines: list[dict[str, Any]] = field(factory=list)
    code: int | None = None
    over: trio.Event = field(factory=trio.Event)

    def take(self, _: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self.lines.append(dict(line))
        raise structlog.DropEvent

    def pids(self, event: str = "supervisor.started") -> list[int]:
        return [line["pid"] for line in self.lines if line["event"] == event]

    async def wait_logged(self, event: str, count: int) -> None:
        async def logged() -> bool:
            await trio.lowlevel.checkpoint()
            return len(self.pids(event)) >= count

        await until(logged)

    async def wait_files(self, kind: str, count: int) -> None:
        """Waits until so many processes, dead ones included, have left a file of that kind."""

        async def there() -> bool:
            await trio.lowlevel.checkpoint()
            return len(list(self.folder.glob(f"{kind}-*"))) >= count

        await until(there)

    async def run(self, supervisor: Supervisor) -> None:
        self.code = await supervisor.run()
        self.over.set()


@asynccontextmanager
async def supervised(folder: Path, patience: int = 1) -> AsyncIterator[Watched]:
    """Two processes, both ready. On the way out the supervisor is told to stop, if it still runs."""
    watched = Watched(folder)
    logger = structlog.wrap_logger(
        None, [watched.take], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    with trio.fail_after(_LIMIT_S), listening_socket("127.0.0.1:0") as listening:
        command = (sys.executable, "-I", "-S", "-c", _CHILD, str(folder), str(patience))
        supervisor = Supervisor(command=command, listening=listening, count=2, logger=logger)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watched.run, supervisor)
            await watched.wait_files("ready", 2)
            yield watched
            if not watched.over.is_set():
                tell(signal.SIGTERM)


def tell(number: signal.Signals) -> None:
    """A signal to the supervisor: it runs in this process."""
    os.kill(os.getpid(), number)


async def test_a_process_that_dies_is_replaced_and_the_others_are_not_touched(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        first, second = watched.pids()
        os.kill(first, signal.SIGKILL)
        await watched.wait_files("ready", 3)
        assert watched.pids("supervisor.ended") == [first]
        os.kill(second, 0)  # it is there
    assert watched.code == 0
    assert len(watched.pids()) == 3
    assert len(watched.pids("supervisor.ended")) == 3


async def test_processes_are_replaced_one_by_one_each_after_its_successor_is_ready(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        tell(signal.SIGUSR2)
        await watched.wait_logged("supervisor.ended", 2)
        await watched.wait_files("ready", 4)
        steps = [line["event"].removeprefix("supervisor.") for line in watched.lines]
        assert steps.count("started") == 4
        assert steps[:3] == ["started"] * 3  # nobody leaves before the first successor is there
        assert sorted(watched.pids("supervisor.ended")) == sorted(watched.pids()[:2])
    assert watched.code == 0


async def test_a_successor_that_cannot_start_leaves_the_processes_where_they_are(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        (tmp_path / "code").write_text("1")
        tell(signal.SIGUSR2)
        await watched.wait_logged("supervisor.kept", 1)
        await watched.wait_logged("supervisor.ended", 1)
        for pid in watched.pids()[:2]:
            os.kill(pid, 0)  # they are there
    assert watched.code == 0
    assert len(watched.pids()) == 3


async def test_a_process_with_wrong_settings_stops_the_others_and_gives_its_exit_code(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        (tmp_path / "code").write_text("2")
        os.kill(watched.pids()[0], signal.SIGKILL)
        await watched.over.wait()
    assert watched.code == 2
    assert len(watched.pids()) == 3


async def test_a_second_signal_hurries_the_processes(tmp_path: Path) -> None:
    async with supervised(tmp_path, patience=2) as watched:
        tell(signal.SIGTERM)
        await watched.wait_files("told", 2)
        assert not watched.over.is_set()
        tell(signal.SIGTERM)
        await watched.over.wait()
    assert watched.code == 0
    assert len(watched.pids()) == 2
