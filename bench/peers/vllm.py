"""vLLM's router as a peer: a proxy in Rust that passes OpenAI's dialect on to servers of models.

It balances requests and keeps no record of them. One server, no retries, no metrics asked for.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loads import Dialect
from measure import tree
from peers.venv import command_in_venv
from processes import free_port, running
from targets import VLLM, Target

VERSION = "0.1.17"
# A request every hour would be one too many; it looks once at its start.
_LOOK_S = "3600"
_START_LIMIT_S = 60


@contextmanager
def vllm(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs vLLM's router over the mock."""
    binary = command_in_venv("vllm-router", VERSION, f"vllm-router=={VERSION}")
    port = free_port()
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--worker-urls": f"http://127.0.0.1:{mock_port}",
        "--policy": "round_robin",
        "--log-level": "error",
        "--worker-startup-check-interval": "1",
        "--health-check-interval-secs": _LOOK_S,
        # Its defaults end the bursts: 2,000 streams are to be open at once.
        "--max-concurrent-requests": "8192",
        "--prometheus-port": str(free_port()),
    }
    command = [str(binary), *(word for option in options.items() for word in option), "--disable-retries"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with running(command, work / "vllm.log", port=port, env=kept, limit_s=_START_LIMIT_S) as process:
        yield Target(name=VLLM, port=port, dialect=Dialect.CHAT, pids=lambda: tree(process.pid))
