"""The evidence of a rollback: what a guard knew when it took the canary back. Figures and ids, never any content."""

from typing import Final

import msgspec
from msgspec import Struct

from mix2api.release.channel_settings import ChannelSettings, differences_of
from mix2api.release.judgement import Judgement

EVIDENCE_VERSION: Final = 1
"""Raised only when a field changes its meaning."""


class ChannelFacts(Struct, frozen=True, kw_only=True):
    """The processes of one channel, as their heartbeats told."""

    versions: tuple[str, ...]
    processes: int
    shards: int
    settings: ChannelSettings = {}
    """Effective settings, secrets masked. Empty: an older guard kept the evidence, or no process of the channel told any."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What is kept of one rollback."""

    version: int = EVIDENCE_VERSION
    id: str
    """`ev-…`; the release's event names it."""
    guard: str
    at_ms: int
    """Unix milliseconds, on the store's clock."""
    release: str
    candidate: str
    """The candidate's version."""
    stable: str
    """Stable's version when the release began."""
    percent: int
    """Of fresh sessions, that the canary had."""
    alpha: float
    channels: dict[str, ChannelFacts]
    judgement: Judgement

    @property
    def settings_apart(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Name -> the values of stable and of the canary, where they differ. None, if one of both told no settings."""
        stable, canary = (self.channels[channel].settings for channel in ("stable", "canary"))
        return differences_of(stable, canary) if stable and canary else {}


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Evidence)


def evidence_bytes(evidence: Evidence) -> bytes:
    """The evidence as JSON."""
    return _encoder.encode(evidence)


def read_evidence(data: bytes) -> Evidence | None:
    """The evidence again; None if it is damaged or of a newer version. Never raises."""
    try:
        evidence = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return evidence if evidence.version == EVIDENCE_VERSION else None
