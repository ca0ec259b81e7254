"""Which server wrote a data directory, and which ones can read it.

Data directories do not move freely: Redis 7.0 refuses Valkey's files, and Redis 6.2 starts empty beside files of a newer
server without a word. So a note in the directory names the server, and a server that cannot read the files is refused
before it starts. Where the note is missing, the files' own heads tell.

The note is `<version> <kind>`, as `8.1 valkey`. The version stands first because older versions of this program wrote it
alone: they read the beginning and refuse what a newer server wrote.
"""

import re
from pathlib import Path
from typing import Final

from attrs import frozen

from mix2api.errors import ConfigurationError
from mix2api.store.redis.checks import OLDEST_VERSION
from mix2api.store.redis.server_binary import ServerBinary, ServerKind, find_binaries, find_binary, titled

_NOTE: Final = "made-by"
_NOTED: Final = re.compile(r"(\d+)\.(\d+)(?: (redis|valkey))?")
_HEAD: Final = re.compile(rb"(redis|valkey)-ver.{1,5}?(\d+)\.(\d+)", re.DOTALL)
"""In the first fields of a snapshot, with which an append-only file begins; length bytes stand between."""
_HEAD_BYTES: Final = 128
_APART: Final = (8, 0)
"""From this version on a number alone does not tell Redis from Valkey; Valkey's first, 7.2, is Redis 7.2 in its files."""
_LAST_COMMON: Final = (7, 2)
"""Valkey reads what Redis wrote up to this version (its own promise, and tried with 6.2 and 7.0)."""


@frozen
class Origin:
    """The server that wrote a directory."""

    version: tuple[int, int]
    kind: ServerKind | None = None
    """None: of an old note that cannot tell."""

    @property
    def title(self) -> str:
        """As an operator calls it."""
        return titled(self.kind, self.version)

    def is_read_by(self, binary: ServerBinary) -> bool:
        """Whether a server can go on with the files."""
        if self.kind is ServerKind.REDIS and binary.kind is ServerKind.VALKEY:
            return self.version <= _LAST_COMMON
        return self.kind in {None, binary.kind} and binary.version >= self.version


def origin_of(directory: Path) -> Origin | None:
    """What wrote a directory; None if nothing has."""
    note = directory / _NOTE
    found = _NOTED.match(note.read_text(encoding="ascii", errors="replace")) if note.exists() else None
    if found is None:
        return _origin_by_files(directory)
    version = (int(found[1]), int(found[2]))
    if found[3] is not None:
        return Origin(version, ServerKind(found[3]))
    return Origin(version, None if version >= _APART else ServerKind.REDIS)


def note_origin(directory: Path, binary: ServerBinary) -> None:
    """Writes down that this server writes the directory from now on.

    Raises:
        ConfigurationError: it cannot read what is there.
    """
    origin = origin_of(directory)
    if origin is not None and not origin.is_read_by(binary):
        raise ConfigurationError(
            f"{directory} was written by {origin.title}, and {binary.path} is {binary.title}, which cannot read it: "
            f"install the server that wrote it, or name another MIX2API_DATA_DIR"
        )
    major, minor = binary.version
    (directory / _NOTE).write_text(f"{major}.{minor} {binary.kind}\n", encoding="ascii")


def binary_for(directory: Path, search_path: str | None = None) -> ServerBinary:
    """The preferred server among those that can read a directory; if none can, the preferred one, to be refused.

    Args:
        directory: with the server's files; it need not exist.
        search_path: instead of PATH.

    Raises:
        ConfigurationError: no server is there at all.
    """
    origin = origin_of(directory)
    fitting = (each for each in find_binaries(search_path) if origin is None or origin.is_read_by(each))
    return next(fitting, None) or find_binary(search_path)


def _origin_by_files(directory: Path) -> Origin | None:
    """Redis 7 and Valkey keep `appendonlydir`, older ones one file, which has a head only once it was rewritten."""
    for file in (*sorted(directory.glob("appendonlydir/*.base.*")), directory / "appendonly.aof"):
        if file.exists():
            with file.open("rb") as opened:
                found = _HEAD.search(opened.read(_HEAD_BYTES))
            if found is not None:
                return Origin((int(found[2]), int(found[3])), ServerKind(found[1].decode()))
            return Origin(OLDEST_VERSION, ServerKind.REDIS)
    return None
