"""Transcripts in memory: the fake of `mix2api.sessions.transcripts` that ships in the package."""

import msgspec
from attrs import define, field

from mix2api.sessions.transcripts import Transcript
from mix2api.vocabulary import Digest


@define(eq=False)
class MemoryTranscripts:
    """`mix2api.sessions.transcripts.Transcripts` of one process. Nothing expires."""

    _kept: dict[Digest, bytes] = field(factory=dict, init=False)

    async def find(self, line: Digest) -> Transcript | None:
        """The transcript of a line."""
        kept = self._kept.get(line)
        return None if kept is None else msgspec.json.decode(kept, type=Transcript)

    async def keep(self, line: Digest, kept: bytes, ttl_s: int) -> None:  # noqa: ARG002 - the port's
        """Keeps a line's transcript."""
        self._kept[line] = kept
