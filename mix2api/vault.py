"""The port to what all processes share of a credential: one of them fetches it, the others get what it fetched.

A claim gives the newest value, or the right to fetch one, or says who has that right and for how long. Rights are
fenced: a generation is granted once, and only the one granted last may publish. Forms: Redis (`mix2api.store.vault`)
and memory (`mix2api.store.memory_vault`).
"""

from typing import Protocol

from attrs import field, frozen

from mix2api.vocabulary import Digest


@frozen
class Kept:
    """A value that is not the one known to be spent."""

    generation: str
    """Unique for ever; equal generations are equal values."""
    payload: bytes = field(repr=False)


@frozen
class Granted:
    """The right to fetch the next value; ends with `publish`, `fail`, `release` or its time."""

    generation: str
    failures: int
    """Fetches that failed since the last one that did not."""


@frozen
class Held:
    """Another process fetches."""

    left_ms: int
    """Its right runs out after that."""
    news: str
    """Where `wait_news` goes on: nothing that is said after this claim is missed."""


@frozen
class Paused:
    """Fetching failed, and nobody fetches again for a while."""

    left_ms: int
    why: str
    """A word of ours, as it was given to `fail`."""


Claim = Kept | Granted | Held | Paused


class Vault(Protocol):
    """What processes share, by name. Every method raises `mix2api.errors.StoreUnavailable` if the store is away."""

    async def claim(self, name: Digest, spent: str | None, life_ms: int) -> Claim:
        """The newest value, or who is to fetch one.

        Args:
            name: of the credential.
            spent: the generation that is no use any more; None if none is known.
            life_ms: how long a right granted now lasts.
        """
        ...

    async def publish(self, name: Digest, generation: str, payload: bytes, life_ms: int) -> bool:
        """Keeps a value for `life_ms` and wakes all who wait. False: a later right was granted, nothing is kept."""
        ...

    async def fail(self, name: Digest, generation: str, why: str, pause_ms: int) -> None:
        """Gives the right back for a pause and wakes all who wait; without effect if a later right was granted."""
        ...

    async def release(self, name: Digest, generation: str) -> None:
        """Gives the right back unused and wakes all who wait; without effect if it is held no more."""
        ...

    async def wait_news(self, name: Digest, held: Held) -> None:
        """Waits until something was said after that claim, and at most a second, or as long as the right lasts."""
        ...
