"""The product itself: `mix2api serve`, one process with its embedded store, everyday settings, log on.

Its cost is that of the process and of its store's server together. Which copy of it runs is told by a `Build`. The other form,
`mix2api edge` and `mix2api worker` over a server of their own, is a target beside it.
"""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loads import MODEL, Dialect
from measure import command_of, tree, users_of
from processes import DidNotStart, end_pids, free_port, running
from targets import APART, PRODUCT, TWO, Starter, Target

from mix2api.store.redis.server_binary import find_binaries

COMMAND = Path(sys.executable).parent / "mix2api"
_SERVERS = frozenset({"redis-server", "valkey-server"})
"""Short names of the store's servers."""


@dataclass(frozen=True, slots=True)
class Build:
    """A copy of the package: the installed one, which is what a user runs, or another in a directory of its own.

    Both run with this interpreter and the dependencies installed beside it.
    """

    name: str = PRODUCT
    """Of its target."""
    source: Path | None = None
    """The directory that holds the package, to stand before the installed one."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What it runs with beside the everyday settings."""

    def command(self, *arguments: str) -> list[str]:
        """`mix2api` of this build."""
        if self.source is None:
            return [str(COMMAND), *arguments]
        return [sys.executable, "-m", "mix2api", *arguments]

    def environment(self, data: Path, **settings: str) -> dict[str, str]:
        """A whole environment with the data directory and these settings: none of the caller's shell comes in."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"PYTHONPATH": str(self.source)} if self.source else {}
        return (
            kept
            | own
            | {"MIX2API_DATA_DIR": str(data), "MIX2API_LOG_FORMAT": "logfmt"}
            | settings
            | dict(self.settings)
        )


INSTALLED = Build()


def store_pids(data: Path) -> frozenset[int]:
    """The embedded store's server, which may have detached itself from the process that started it."""
    return frozenset(pid for pid in users_of(data) if command_of(pid) in _SERVERS)


def _settings(port: int, mock_port: int) -> dict[str, str]:
    return {
        "PORT": str(port),
        "UPSTREAM_API_BASE": f"http://127.0.0.1:{mock_port}",
        "UPSTREAM_AUTH_MODE": "none",
        "INBOUND_AUTH_MODE": "none",
        "MODEL_LIST": MODEL,
    }


@contextmanager
def serving(build: Build, mock_port: int, work: Path, *arguments: str) -> Iterator[Target]:
    """Runs `serve` of a build over the mock, with these arguments."""
    port, data = free_port(), work / "data"
    env = build.environment(data, **_settings(port, mock_port))
    try:
        with running(build.command("serve", *arguments), work / "mix2api.log", port=port, env=env) as process:
            yield Target(
                name=build.name,
                port=port,
                dialect=Dialect.CHAT,
                pids=lambda: tree(process.pid) | store_pids(data),
                store=data,
            )
    finally:
        end_pids(store_pids(data))


def starter(build: Build) -> Starter:
    """What starts this build."""
    return lambda mock_port, work: serving(build, mock_port, work)


@contextmanager
def product(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs the installed `mix2api serve` over the mock."""
    if not COMMAND.exists():
        raise DidNotStart(f"{COMMAND.name} is not installed beside this Python")
    with serving(INSTALLED, mock_port, work) as target:
        yield target


@contextmanager
def two(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs the installed `mix2api serve --processes 2` over the mock."""
    with serving(Build(name=TWO), mock_port, work, "--processes", "2") as target:
        yield target


@contextmanager
def apart(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs the installed `mix2api edge` and `mix2api worker` over the mock, with a store's server of their own.

    The server keeps an append-only file, as the embedded one does, and is reached by a unix socket.
    """
    binaries = find_binaries()
    if not binaries or not COMMAND.exists():
        raise DidNotStart("a store's server, or the product beside this Python, is missing")
    port, store_port, socket = free_port(), free_port(), work / "store.sock"
    server = [binaries[0].path, "--port", str(store_port), "--unixsocket", str(socket), "--dir", str(work)]
    server += ["--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    env = INSTALLED.environment(
        work, **_settings(port, mock_port), REDIS_URL=f"unix://{socket}", MIX2API_SECRET=secrets.token_hex(32)
    )
    with ExitStack() as stack:
        roots = [stack.enter_context(running(server, work / "store.log", port=store_port)).pid]
        for role, listens in (("worker", None), ("edge", port)):
            command = INSTALLED.command(role)
            started = running(command, work / f"{role}.log", port=listens, env=env)
            roots.append(stack.enter_context(started).pid)
        yield Target(
            name=APART,
            port=port,
            dialect=Dialect.CHAT,
            pids=lambda: frozenset().union(*map(tree, roots)),
        )
