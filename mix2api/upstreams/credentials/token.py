"""A token in use: when it is to be renewed, when it may be used no more, and its form in the vault. Pure."""

from enum import StrEnum
from typing import Final

import msgspec
from attrs import field, frozen
from msgspec import Struct

_SPREAD: Final = 10
"""Renewal begins at a random moment within a tenth of the life (and at most the skew) before it is due, so that processes
do not all come at once."""


class TokenRecord(Struct, frozen=True, kw_only=True):
    """A token as it rests in the vault; sealed there."""

    value: str
    issued_ms: int
    expires_ms: int | None = None


_decoder: Final = msgspec.msgpack.Decoder(TokenRecord)


def encode_record(record: TokenRecord) -> bytes:
    """The vault's payload."""
    return msgspec.msgpack.encode(record)


def decode_record(payload: bytes) -> TokenRecord | None:
    """The record again; None if it is another version's, which counts as not there."""
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None


@frozen(kw_only=True)
class Token:
    """One generation of the credential, with the moments of its life in Unix milliseconds; None: never."""

    value: str = field(repr=False)
    generation: str
    renew_ms: int | None = None
    """From then on it is renewed while it is still used."""
    stale_ms: int | None = None
    """From then on it is used only if no newer one can be had."""
    expires_ms: int | None = None

    def is_fresh(self, now_ms: int) -> bool:
        """Whether it may be used without more ado."""
        return self.stale_ms is None or now_ms < self.stale_ms

    def is_alive(self, now_ms: int) -> bool:
        """Whether it has not expired."""
        return self.expires_ms is None or now_ms < self.expires_ms


class TokenStep(StrEnum):
    """A step in the life of a token, as this process sees it."""

    LOGGED_IN = "logged_in"
    """A login of ours brought it."""
    SHARED = "shared"
    """Another process's login brought it."""
    USED = "used"
    """A first call takes it."""
    ACCEPTED = "accepted"
    """A site took it for the first time."""
    REFUSED = "refused"
    """A site refused it."""
    RENEWED = "renewed"
    """Its successor is being fetched: it is due, or callers wait."""


@frozen(kw_only=True)
class TokenReport:
    """One step of one token, for debugging lines. The token itself is not in it."""

    step: TokenStep
    generation: str
    left_s: int | None = None
    """Seconds until it expires, negative afterwards; None where that is not known."""


def token_of(record: TokenRecord, generation: str, skew_ms: int, draw: float) -> Token:
    """A token with its moments.

    Args:
        record: from a login or from the vault.
        generation: the vault's.
        skew_ms: how long before its expiry it is stale; at most half of its life, or a short-lived one would always be.
        draw: uniform in 0 to 1.
    """
    if record.expires_ms is None:
        return Token(value=record.value, generation=generation)
    life_ms = max(0, record.expires_ms - record.issued_ms)
    skew = min(skew_ms, life_ms // 2)
    stale_ms = record.expires_ms - skew
    return Token(
        value=record.value,
        generation=generation,
        renew_ms=stale_ms - int(draw * min(skew, life_ms // _SPREAD)),
        stale_ms=stale_ms,
        expires_ms=record.expires_ms,
    )
