"""Everything that is done with `MIX2API_SECRET`: keyed digests, MACs, sealed payloads. The secret never leaves here."""

import base64
import hashlib
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mix2api.randomness import Randomness
from mix2api.vocabulary import Digest, Sealed

_NONCE_BYTES: Final = 12
_DIGEST_BYTES: Final = 16
"""128 bits: collisions are out of reach, and a digest is short enough to be read aloud."""


class UnsealError(ValueError):
    """Not sealed by this deployment's secret, for another purpose, or damaged."""


class Seal:
    """The deployment's secret at work. One instance per process.

    Args:
        secret: at least 16 bytes; every process of a deployment has the same.
        randomness: for nonces; one of its own if none is given.
    """

    def __init__(self, secret: bytes, randomness: Randomness | None = None) -> None:
        self._randomness = Randomness() if randomness is None else randomness
        self._digest_key = hashlib.blake2b(b"digest", key=_key(secret), digest_size=32).digest()
        self._mac_key = hashlib.blake2b(b"mac", key=_key(secret), digest_size=32).digest()
        self._cipher = AESGCM(hashlib.blake2b(b"seal", key=_key(secret), digest_size=32).digest())

    def digest(self, text: str | bytes, purpose: str) -> Digest:
        """32 hex digits that are equal for equal text and purpose (at most 16 ASCII characters)."""
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return Digest(
            hashlib.blake2b(
                data, key=self._digest_key, digest_size=_DIGEST_BYTES, person=purpose.encode("ascii")
            ).hexdigest()
        )

    def digester(self, purpose: str) -> Callable[[bytes], Digest]:
        """A keyed digest for the pure core, which is given no secret: 32 hex digits of any bytes."""
        keyed = hashlib.blake2b(
            key=self._digest_key, digest_size=_DIGEST_BYTES, person=purpose.encode("ascii")
        )

        def digest(data: bytes) -> Digest:
            copy = keyed.copy()  # a history takes hundreds: keying each anew would double their cost
            copy.update(data)
            return Digest(copy.hexdigest())

        return digest

    def mac(self, data: bytes, size: int = 8) -> str:
        """Hex MAC of `size` bytes: proves that we made `data`."""
        return hashlib.blake2b(data, key=self._mac_key, digest_size=size).hexdigest()

    def seal_bytes(self, plain: bytes, purpose: bytes) -> bytes:
        """Nonce and ciphertext; only `unseal_bytes` with the same purpose opens it."""
        nonce = self._randomness.take(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, purpose)

    def unseal_bytes(self, sealed: bytes, purpose: bytes) -> bytes:
        """The plain bytes.

        Raises:
            UnsealError: another secret, another purpose, or damage.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
        except (InvalidTag, ValueError) as fault:
            raise UnsealError("not sealed by this deployment's secret") from fault

    def seal(self, text: str, purpose: str) -> Sealed:
        """A short text (an upstream id) as it may stand in the log."""
        return Sealed(
            base64.urlsafe_b64encode(
                self.seal_bytes(text.encode("utf-8", "surrogatepass"), purpose.encode())
            ).decode()
        )

    def unseal(self, sealed: Sealed, purpose: str) -> str:
        """The text again.

        Raises:
            UnsealError: another secret, another purpose, or damage.
        """
        try:
            raw = base64.urlsafe_b64decode(sealed)
        except ValueError as fault:
            raise UnsealError("not base64url") from fault
        return self.unseal_bytes(raw, purpose.encode()).decode("utf-8", "surrogatepass")


def _key(secret: bytes) -> bytes:
    return hashlib.blake2b(secret, digest_size=64).digest()
