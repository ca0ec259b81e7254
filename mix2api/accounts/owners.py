"""The port to what processes share of responses: which account made which. Its form in Redis is `mix2api.store.owners`."""

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from mix2api.vocabulary import Digest


@frozen
class Owner:
    """Who made a response, a conversation, an item, or what an item has encrypted."""

    account: str
    """Empty: the upstream has no accounts."""
    model: str
    """Of the request that it was made for: it leads to the upstream."""


class Owners(Protocol):
    """What is kept. Every method raises `mix2api.errors.StoreUnavailable` if the store is away."""

    async def note(self, caller: Digest, made: Sequence[str], owner: Owner) -> None:
        """These things of a caller have that owner, for as long as the deployment keeps such words. One round trip."""
        ...

    async def find(self, caller: Digest, things: Sequence[str]) -> list[Owner | None]:
        """The owner of each of these things of a caller; None where nobody knows. One round trip."""
        ...
