"""A system of real processes that stands while the tests of a module run: a demo site, an edge and a worker."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from whole_system import defaults

_LIMIT_S: Final = 60.0
_LOOK_S: Final = 0.02


@contextmanager
def standing_system(directory: Path, redis_url: str, **settings: str) -> Iterator[int]:
    """Starts everything, and gives the edge's port once a worker is there. Afterwards all processes are killed.

    Args:
        directory: for the output of the processes.
        redis_url: the store.
        settings: environment names and values, over those of the tests.
    """
    with ExitStack() as processes:
        site = processes.enter_context(_started(directory, {}, "demo-upstream", "--port", "0"))
        url = site(r"demo upstream at (\S+)")
        environ = {**defaults(url, redis_url), **settings}
        worker = processes.enter_context(_started(directory, environ, "worker"))
        edge = processes.enter_context(_started(directory, environ, "edge"))
        worker(r"leases\.changed")
        yield int(edge(r"edge\.listening.*") and edge(r'"url":\s*"[^"]*:(\d+)"'))


class _Output:
    """What a process has said."""

    def __init__(self, process: "subprocess.Popen[bytes]", path: Path) -> None:
        self._process = process
        self._path = path

    def __call__(self, pattern: str) -> str:
        """The last group of the pattern's first match; waits for it."""
        for _ in range(int(_LIMIT_S / _LOOK_S)):
            found = re.search(pattern, self._path.read_text())
            if found is not None:
                return found[found.re.groups]
            try:
                self._process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(f"{self._process.args!r} has not said {pattern}:\n{self._path.read_text()}")


@contextmanager
def _started(
    directory: Path, settings: Mapping[str, str], command: str, *arguments: str
) -> Iterator[_Output]:
    own = ("MIX2API_", "UPSTREAM_", "REDIS_", "INBOUND_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    path = directory / command
    with path.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mix2api", command, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, **settings},
            cwd="/",  # no `.env`, and the installed package
        )
    try:
        yield _Output(process, path)
    finally:
        process.kill()
        process.wait()
