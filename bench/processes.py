"""Starting what is measured and ending it again, whatever happens in between.

Every process started here gets a process group of its own and is ended with it, by its id. No process outlives the
`with` block it was started in.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# Beyond any drain limit that is set here; then SIGKILL.
_END_LIMIT_S = 15.0
_LOOK_S = 0.02


class DidNotStart(Exception):
    """A process ended, or did not listen in time; the message holds the end of its log."""


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    *,
    port: int | None,
    env: Mapping[str, str] | None = None,
    limit_s: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command that listens on `port`, from the moment it does until the block ends.

    Args:
        command: argument vector.
        log: file for its output.
        port: loopback port that tells that it is ready; None for a command that listens nowhere.
        env: its whole environment; this process's by default.
        limit_s: how long it may take until it listens.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        if port is not None:
            _wait_until_listening(process, port, limit_s, log)
        yield process
    finally:
        _end(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, limit_s: float, log: Path) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(_LOOK_S)
    tail = log.read_text(errors="replace")[-2000:]
    raise DidNotStart(f"{process.args!r} does not listen on {port} (exit code {process.poll()}):\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to its group, SIGKILL after the limit, and nothing left unreaped."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_LIMIT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_pids(pids: frozenset[int]) -> None:
    """Ends processes that a target left behind, such as a store that is shared by its users."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + _END_LIMIT_S
        while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in pids):
            time.sleep(_LOOK_S)
