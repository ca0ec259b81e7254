"""The stem: a process that has imported what `mix2api` commands need, and forks for each command that tests run.

`tests/forked_process.py` starts it, and talks to it over its standard input, which is a socket. A message is the length of what
follows (`NUMBER`), with two descriptors: standard error of the command, and a pipe for its exit code. Then come the arguments
and the environment as JSON. The reply is a process id. The stem ends with the connection, and all its commands with it.
"""

import gc
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Final, NoReturn

import msgspec

from mix2api.budget.encodings import EncodingName
from mix2api.cli.main import main
from mix2api.counting.shipped import load_tokenizers

NUMBER: Final = struct.Struct("!i")
"""A length, a process id or an exit code."""
_COMMANDS: Final = ("serve", "edge", "worker", "audit", "sessions")
_FIRST_FREE: Final = 3
"""The descriptors below are standard input, output and error."""
_MOST_OPEN: Final = 256
"""More descriptors than the stem ever has: one for each process that lives, and a few of its own."""


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the other side has gone.
    """
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise EOFError("the connection between the tests and the stem has ended")
        found += more
    return found


def _import_all() -> None:
    for command in _COMMANDS:
        import_module(f"mix2api.cli.{command}")
    load_tokenizers(EncodingName)
    gc.collect()
    gc.freeze()  # what the collector does not look at stays shared


def _serve(connection: socket.socket) -> None:
    """Forks for each message, and tells of each process that ends, until the connection does."""
    ends: dict[int, int] = {}
    """Process id -> the pipe for its exit code."""
    woken, wakes = socket.socketpair()
    os.set_blocking(wakes.fileno(), False)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is for pytest
    looking = selectors.DefaultSelector()
    looking.register(connection, selectors.EVENT_READ)
    looking.register(woken, selectors.EVENT_READ)
    goes_on = True
    while goes_on:
        ready = {key.fileobj for key, _ in looking.select()}
        if woken in ready:
            woken.recv(_MOST_OPEN)
            _tell_of_ends(ends)
        if connection in ready:
            goes_on = _fork_one(connection, ends)
    for pid in ends:
        os.kill(pid, signal.SIGKILL)


def _fork_one(connection: socket.socket, ends: dict[int, int]) -> bool:
    """Forks for the next message; False: there is none."""
    head, given, _, _ = socket.recv_fds(connection, NUMBER.size, 2)
    if not head:
        return False
    (length,) = NUMBER.unpack(head)
    arguments, environ = msgspec.json.decode(received(connection, length))
    said, end = given
    pid = os.fork()
    if pid == 0:
        _become(said, arguments, environ)
    os.close(said)
    ends[pid] = end
    connection.sendall(NUMBER.pack(pid))
    return True


def _tell_of_ends(ends: dict[int, int]) -> None:
    while ends:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        end = ends.pop(pid)
        with suppress(BrokenPipeError):  # its test has gone
            os.write(end, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os.close(end)


def _become(said: int, arguments: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Runs the command as a process of its own would: it inherits no descriptor, handler or environment of the stem."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number, descriptor in enumerate((nothing, nothing, said)):
            os.dup2(descriptor, number)
        os.closerange(_FIRST_FREE, _MOST_OPEN)
        os.environ.clear()
        os.environ.update(environ)
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _import_all()
    _serve(socket.socket(fileno=0))
