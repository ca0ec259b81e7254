"""A program between the adapter and a runtime that the adapter starts: it ends the runtime when the adapter is gone.

    python guard.py COMMAND ...

It leads a process group of its own. Its standard input is a pipe whose other end the adapter alone has, so the pipe ends with
the adapter, also after kill -9. The guard then tells the whole group to end: the runtime, and the tools that it runs. Once the
runtime has ended, the guard kills what is left of the group, and itself with it.

Where the runtime ends first, the guard ends with its exit code, or 128 and the number of the signal that ended it. The adapter
then kills what is left of the group. Nothing of this package is imported, so that the guard starts in some 20 ms and takes
little memory.
"""

import os
import select
import signal
import subprocess
import sys
from types import FrameType
from typing import Final

_PATIENCE_S: Final = 3.0
"""From the polite signal to the other one. A runtime has nothing to save: what its sessions said is told as it comes."""
_NOT_FOUND: Final = 127
_NOT_STARTED: Final = 126
"""Both as a shell has them."""


def main(command: list[str]) -> int:
    """Runs the command until it ends, or the standard input does; gives its exit code."""
    os.setsid()  # before anything is started: what it ends is its own group
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _noted)
    try:
        runtime = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the operator's own command
    except FileNotFoundError:
        return _NOT_FOUND
    except OSError:
        return _NOT_STARTED
    while runtime.poll() is None:
        ready, _, _ = select.select([sys.stdin, woken], [], [])
        if woken in ready and any(number != signal.SIGCHLD for number in os.read(woken, 64)):
            break
        if sys.stdin in ready:
            break
    code = _end(runtime)
    if sys.stdin in select.select([sys.stdin], [], [], 0)[0]:
        os.killpg(
            os.getpgrp(), signal.SIGKILL
        )  # a tool may not heed SIGTERM; nobody is left to hear the exit code
    return code


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The pipe tells of it."""


def _end(runtime: "subprocess.Popen[bytes]") -> int:
    """Ends what is left of the group; gives the runtime's exit code, negative for a signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)
    try:
        return runtime.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        runtime.kill()
        return runtime.wait()


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    sys.exit(ended if ended >= 0 else 128 - ended)
