"""The memory of another process, as the kernel shows it: how much is resident, and whether some bytes stand in it.

Linux only. `/proc/<pid>/mem` of a child can be read without any tool, which a core image by `gcore` would need.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

_PIECE_BYTES = 1 << 22
"""Read at a time: a heap of some hundred megabytes need not be held twice."""
_NOT_CONTENT = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")
"""The kernel's own pages, which cannot be read."""


@frozen
class Region:
    """A range of addresses that the process can write to, and what the kernel calls it."""

    start: int
    end: int
    name: str


def resident_kb(pid: int) -> int:
    """Resident set size (`VmRSS`), in kB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no memory: it has ended")


def writable_regions(pid: int) -> Iterator[Region]:
    """Where content can stand: heap, stacks, anonymous mappings and libraries' data. Code is left out."""
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        addresses, permissions, _, _, _, *name = line.split(maxsplit=5)
        if permissions.startswith("rw") and name not in [[word] for word in _NOT_CONTENT]:
            start, end = (int(address, 16) for address in addresses.split("-"))
            yield Region(start, end, name[0] if name else "")


def needles_in(pid: int, needles: Iterable[bytes]) -> dict[bytes, int]:
    """How often each needle stands in the process's memory; those that do not are left out.

    The process runs on meanwhile. Pages that vanish while they are read are passed over.
    """
    wanted = list(needles)
    overlap = max(map(len, wanted)) - 1
    counts = dict.fromkeys(wanted, 0)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in writable_regions(pid):
            tail = b""
            at = region.start
            while at < region.end:
                try:
                    memory.seek(at)
                    piece = memory.read(min(_PIECE_BYTES, region.end - at))
                except OSError:
                    break
                if not piece:
                    break
                at += len(piece)
                held = tail + piece
                for needle in wanted:
                    counts[needle] += held.count(needle)
                tail = held[-overlap:] if overlap else b""
    return {needle: count for needle, count in counts.items() if count}
