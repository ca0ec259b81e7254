"""The port to what all processes share of accounts: bindings, states and turns. Its form in Redis is `mix2api.store.accounts`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from attrs import field, frozen
from msgspec import Struct

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.model_limits import Limits, Whose
from mix2api.accounts.state import AccountState, Evidence
from mix2api.vocabulary import Digest


class Unfit(StrEnum):
    """Why this call may not use an account, as its process sees it."""

    BUSY = "b"
    """It is at its `max_concurrency`. A key that is bound to it stays bound, and another account serves this call."""
    TRIED = "t"
    """It has failed this very call."""


@frozen
class Offered:
    """An account that the file allows for a call."""

    id: str
    weight: int
    priority: int


@frozen
class Roster:
    """The accounts that the file allows for a model. Made once for a model, because all calls for it share it."""

    offered: tuple[Offered, ...]
    packed: str = field(init=False)
    """The same as one text, which the store's script reads only for keys that are bound to none of them."""

    @packed.default
    def _pack(self) -> str:
        return "|".join(["", *(f"{one.id} {one.weight} {one.priority}" for one in self.offered), ""])


NOBODY_APART: Final[Mapping[str, Unfit]] = {}
"""All accounts of the roster are fit."""


@frozen(kw_only=True)
class Asking:
    """Whose call needs an account."""

    api_key: Digest | None
    """None: the call is bound to nothing."""
    model: str
    """Known, or a digest: a client's word does not stand in Redis in clear."""
    is_owned: bool = False
    """One account alone can serve the call, because it has the site's session. A binding to another account stays."""


class Why(StrEnum):
    """Why an account serves a call."""

    BOUND = "bound"
    CHOSEN = "chosen"
    MOVED = "moved"
    """The key was bound to an account that cannot be used any more."""
    MODEL_LIMITED = "model_limited"
    """The key was bound to an account that cannot serve this model now."""
    LENT = "lent"
    """The key stays bound to another account, which is busy or has failed this call."""
    OWNER = "owner"
    """The account has the site's session."""


class Chosen(Struct, frozen=True, kw_only=True):
    """The account of a call."""

    account: str
    why: Why
    is_confirmed: bool
    """The binding stands since a call on this account succeeded."""
    state: AccountState
    limits: Limits = ()
    """The account's models that were limited when it was chosen."""


@frozen(kw_only=True)
class Exhausted:
    """No account can be used now."""

    states: dict[str, AccountState]
    """Of every account that was offered."""
    limits: Mapping[str, AccountState] = field(factory=dict)
    """Accounts on which the model is limited -> the state of that limit."""


class Accounts(Protocol):
    """What processes share. Every method raises `mix2api.errors.StoreUnavailable` if the store is away."""

    async def choose(
        self, asking: Asking, roster: Roster, apart: Mapping[str, Unfit] = NOBODY_APART
    ) -> Chosen | Exhausted:
        """The bound account, or the next by weight, to which the key is then bound for a short time. One round trip.

        Args:
            asking: whose call it is.
            roster: the accounts that the file allows.
            apart: those of them that this call may not use.
        """
        ...

    async def confirm(self, asking: Asking, account: str) -> None:
        """A call on the account succeeded: the key is bound to it, whatever it was bound to before."""
        ...

    async def release(self, asking: Asking, account: str) -> None:
        """A call on the account failed: a binding to it that was never confirmed goes."""
        ...

    async def judge(self, account: str, seen: Evidence, hint: ResetHint | None = None) -> AccountState:
        """Changes the account's state by evidence, and gives the state after it."""
        ...

    async def limit(self, account: str, model: str, whose: Whose, hint: ResetHint | None = None) -> None:
        """A call for the model met a limit: the model is limited on the account, or the account is."""
        ...

    async def lift(self, account: str, model: str) -> None:
        """A call for the model succeeded, which was chosen while models of the account were limited."""
        ...
