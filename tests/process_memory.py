"""The memory of another process, as the kernel shows it: how much is resident, and whether some bytes stand in it.

Linux only. `/proc/<pid>/mem` of a child can be read without any tool, which a core image by `gcore` would need.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attrs import frozen

_PIECE_BYTES = 1 << 22
"""Read at a time: a heap of some hundred megabytes need not be held twice."""
_LONGEST_WORD = 64
"""Bytes of a word that may be cut in two by a piece's end."""
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


def proportional_kb(pid: int) -> int:
    """Proportional set size (`Pss`), in kB: of pages that several processes share, each has its part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no memory: it has ended")


def writable_regions(pid: int) -> Iterator[Region]:
    """Where content can stand: heap, stacks, anonymous mappings and libraries' data. Code is left out."""
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        addresses, permissions, _, _, _, *name = line.split(maxsplit=5)
        if permissions.startswith("rw") and name not in [[word] for word in _NOT_CONTENT]:
            start, end = (int(address, 16) for address in addresses.split("-"))
            yield Region(start, end, name[0] if name else "")


def words_in(pid: int, pattern: re.Pattern[bytes]) -> set[bytes]:
    """All words of a pattern that stand in the process's memory: as bytes, or as texts of wider characters.

    Python keeps a text with one character outside Latin-1 in two or four bytes a character. Zero bytes are left out
    before the search, which makes all three forms one. The process runs on meanwhile; pages that vanish are passed over.
    """
    found: set[bytes] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in writable_regions(pid):
            tail = b""
            for piece in _pieces(memory, region):
                held = tail + piece.replace(b"\0", b"")
                found.update(pattern.findall(held))
                tail = held[-_LONGEST_WORD:]
    return found


def _pieces(memory: IO[bytes], region: Region) -> Iterator[bytes]:
    at = region.start
    while at < region.end:
        try:
            memory.seek(at)
            piece = memory.read(min(_PIECE_BYTES, region.end - at))
        except OSError:
            return
        if not piece:
            return
        at += len(piece)
        yield piece
