"""What is kept of a client session's words, so that a request without a history has one (ADR 106). Pure.

A transcript belongs to a *line*: the turns of one client session with one model, the same instructions and the same tools.
Turns of a line never overlap, because a newer turn supersedes an older one.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from mix2api.vocabulary import Digest
from mix2api.wire.turn import Role


class Said(Struct, frozen=True, array_like=True):
    """One message. Its words are content."""

    role: Role
    words: str

    def __repr__(self) -> str:
        return f"Said(role={self.role!r})"


class Unkept(StrEnum):
    """Why a line has had turns, and their words are not there. Closed: the words rest in the store."""

    OFF = "off"
    """`OPENCODE_TRANSCRIPT_TTL_S=0`."""
    FULL = "full"
    """The words are more than `OPENCODE_TRANSCRIPT_BYTES`. A part of them would be another conversation."""
    DAMAGED = "damaged"
    """What rests cannot be read."""
    BEHIND = "behind"
    """The last answer could not be written down, because the store was away."""


class Transcript(Struct, frozen=True, omit_defaults=True):
    """The words of a line's turns up to its last good answer, instructions left out."""

    said: tuple[Said, ...] = ()
    unkept: Unkept | None = None
    """None: `said` is whole."""
    at_ms: int = 0
    """Unix time at which it was written. 0: by a process of before this field."""


class Transcripts(Protocol):
    """Where transcripts are kept. Both methods raise `mix2api.errors.StoreUnavailable` if the store is away."""

    async def find(self, line: Digest) -> Transcript | None:
        """The transcript of a line; None: nobody knows of a turn."""
        ...

    async def keep(self, line: Digest, kept: bytes, ttl_s: int) -> None:
        """Keeps a line's transcript in place of the one before.

        Args:
            line: whose it is.
            kept: the transcript as `encoded` gives it.
            ttl_s: its life in seconds, which each further turn begins anew.
        """
        ...
