"""The secret that is made and kept in the data directory, for a deployment that has the embedded store."""

import os
import secrets
from pathlib import Path
from typing import Final

from mix2api.errors import ConfigurationError

_NAME: Final = "secret"
_BYTES: Final = 32
_PRIVATE: Final = 0o600
SHORTEST: Final = 16
"""Bytes of a secret: 128 bits, if they are random."""


def kept_secret(data_dir: Path) -> bytes:
    """The directory's secret, made at the first call. Two processes that race get the same one.

    The secret is written whole under another name and linked into place: a link never replaces a file, and a reader
    never sees half a secret.

    Raises:
        ConfigurationError: unreadable, too short, or readable by others.
    """
    path = data_dir / _NAME
    try:
        if not path.exists():
            _make(data_dir, path)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} can be read by others: chmod 600 it, and change the secret")
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as fault:
        raise ConfigurationError(
            f"{path} cannot be read or made ({fault.strerror}): check the directory"
        ) from None
    except ValueError:
        raise ConfigurationError(f"{path} is damaged: restore it (without it the data are lost)") from None
    if len(secret) < SHORTEST:
        raise ConfigurationError(f"{path} is damaged: restore it (without it the data are lost)")
    return secret


def _make(data_dir: Path, path: Path) -> None:
    draft = data_dir / f".{_NAME}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return  # another process was faster: its secret is the one
    finally:
        draft.unlink()
