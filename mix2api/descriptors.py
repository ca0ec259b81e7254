"""File descriptors of this process: how many it may have, and whether a fault says that none is left.

A process without a descriptor cannot connect to anybody. That is our own limit, and no fault of Redis or of an upstream.
"""

import errno
import os
import resource
import socket
from contextlib import suppress
from typing import Final

_MOST: Final = 65_536
"""Enough for the largest useful bound of connections; a limit of millions makes starting a child process slow."""
_OWN: Final = 128
"""For Redis, log, embedded store, idle connections to the site, and what the interpreter opens."""
_EACH: Final = 2
"""A client's connection, and the one to the site that answers it."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE})
"""Of the process, and of the whole system."""


def raise_limit() -> int:
    """Raises the soft limit to the hard one, to 65,536 at most, and gives what now holds; no limit is 0.

    Every client and every upstream call takes a descriptor, and many systems give a process 1,024 unless it asks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # some systems refuse what they name themselves
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def connections_within(asked: int) -> int:
    """As many connections as were asked for, or as the file descriptors are enough for, at least one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return asked
    return max(1, min(asked, (soft - _OWN) // _EACH))


def none_left(fault: BaseException) -> bool:
    """Whether a connection could not be made because no descriptor was left.

    Libraries wrap the operating system's fault: causes, contexts and groups are looked through. The resolver hides it
    behind an error of its own, so that after one it is tried out.
    """
    pending, seen = [fault], set[int]()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, socket.gaierror):
            if _cannot_open():
                return True
        elif isinstance(one, OSError) and one.errno in _EXHAUSTED:
            return True
        pending += [below for below in (one.__cause__, one.__context__) if below is not None]
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions
    return False


def _cannot_open() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as fault:
        return fault.errno in _EXHAUSTED
    return False
