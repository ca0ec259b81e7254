"""What a target's processes cost, read from /proc and the kernel's CPU clocks.

CPU is utime + stime of every thread, ended ones too. It is read from the process's CPU clock (`clock_getcpuclockid`),
which is the sum that /proc/<pid>/stat shows, in nanoseconds instead of ticks of 10 ms: nginx spends less than ten
ticks on a whole load. Memory is PSS: shared pages are divided among those who map them.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
# CPUCLOCK_SCHED of Linux: clock ids of other processes are (~pid << 3) | which.
_CPUCLOCK_SCHED = 2
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_ns(pids: Iterable[int]) -> dict[int, int]:
    """CPU time of each process so far, in nanoseconds; processes that are gone are left out."""
    spent = {}
    for pid in pids:
        try:
            spent[pid] = time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
        except OSError:
            continue
    return spent


def reaped_ns(pids: Iterable[int]) -> int:
    """CPU time of ended children that these processes have waited for (a fork that rewrites a log, for one)."""
    total = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            total += (int(fields[13]) + int(fields[14])) * 1_000_000_000 // _TICKS_PER_S
    return total


def spent_ns(before: dict[int, int], after: dict[int, int]) -> int:
    """What was spent between two readings; a process that came in between counts whole."""
    return sum(spent - before.get(pid, 0) for pid, spent in after.items())


def pss_kb(pids: Iterable[int]) -> int:
    """Proportional set size of the processes together, in KiB."""
    total = 0
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


def tree(root: int) -> frozenset[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _stat(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found, left = set(), [root]
    while left:
        pid = left.pop()
        found.add(pid)
        left += children.get(pid, [])
    return frozenset(found)


def users_of(directory: Path) -> frozenset[int]:
    """Processes that work in this directory or name it on their command line: a detached redis-server, for one."""
    found = set()
    for pid in _pids():
        try:
            command = (_PROC / str(pid) / "cmdline").read_bytes()
            cwd = (_PROC / str(pid) / "cwd").readlink()
        except OSError:
            continue
        if str(directory).encode() in command or cwd.is_relative_to(directory):
            found.add(pid)
    return frozenset(found)


def command_of(pid: int) -> str:
    """The process's own short name; empty if it is gone."""
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; the name before it may hold spaces."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
