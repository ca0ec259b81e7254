"""The product itself: `mix2api serve`, one process with its embedded store, everyday settings, log on.

Its cost is that of the process and of its redis-server together.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loads import MODEL, Dialect
from measure import command_of, tree, users_of
from processes import DidNotStart, end_pids, free_port, running
from targets import PRODUCT, Target

COMMAND = Path(sys.executable).parent / "mix2api"


def store_pids(data: Path) -> frozenset[int]:
    """The embedded store's server, which may have detached itself from the process that started it."""
    return frozenset(pid for pid in users_of(data) if "redis" in command_of(pid))


def environment(data: Path, **settings: str) -> dict[str, str]:
    """Only what is named here: no setting of the caller's shell comes in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"MIX2API_DATA_DIR": str(data), "MIX2API_LOG_FORMAT": "logfmt"} | settings


@contextmanager
def product(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs `mix2api serve` over the mock."""
    if not COMMAND.exists():
        raise DidNotStart(f"{COMMAND.name} is not installed beside this Python")
    port, data = free_port(), work / "data"
    env = environment(
        data,
        PORT=str(port),
        UPSTREAM_API_BASE=f"http://127.0.0.1:{mock_port}",
        UPSTREAM_AUTH_MODE="none",
        INBOUND_AUTH_MODE="none",
        MODEL_LIST=MODEL,
    )
    try:
        with running([str(COMMAND), "serve"], work / "mix2api.log", port=port, env=env) as process:
            yield Target(
                name=PRODUCT,
                port=port,
                dialect=Dialect.CHAT,
                pids=lambda: tree(process.pid) | store_pids(data),
                store=data,
            )
    finally:
        end_pids(store_pids(data))
