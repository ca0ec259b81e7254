"""References to credentials: `env:NAME` or `file:PATH`. Secrets stand in neither the files of upstreams nor those of accounts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LIMIT: Final = 16_384
"""Bytes of a credential: header lines of servers end at 8 to 16 KB."""


def credential_at(reference: str, environ: Mapping[str, str]) -> str | None:
    """The credential at a reference; None where there is none that could stand in a header."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        secret = environ.get(place, "").strip()
    else:
        try:
            with Path(place).open(encoding="ascii") as file:
                secret = file.read(_LIMIT + 1).strip()
        except (OSError, UnicodeDecodeError):
            return None
    is_usable = bool(secret) and len(secret) <= _LIMIT and secret.isascii() and secret.isprintable()
    return secret if is_usable else None
