"""File descriptors of this process: how many it may have, and whether a fault says that none is left.

A process without a descriptor cannot connect to anybody. That is our own limit, and no fault of Redis or of an upstream.
"""

import errno
import os
import resource
import socket
from typing import Final

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE})
"""Of the process, and of the whole system."""


def raise_limit() -> int:
    """Raises the soft limit to the hard one, for good, and gives what now holds; no limit is 0.

    Every client and every upstream call takes a descriptor, and many systems give a process 1,024 unless it asks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            hard = soft  # some systems refuse what they name themselves
    return 0 if hard == resource.RLIM_INFINITY else hard


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
