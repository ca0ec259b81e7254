"""What the console may change, as ports: the composition root hands them in, and each is what a command does."""

from collections.abc import Awaitable, Callable, Sequence

from attrs import field, frozen

from mix2api.accounts.account import Account
from mix2api.store.accounts import RedisAccounts
from mix2api.vocabulary import Retirement, SessionId

Retire = Callable[[SessionId], Awaitable[Retirement | None]]
"""Retires a session, as `mix2api sessions retire` does. None: that was asked for, and is not yet confirmed."""


@frozen(kw_only=True)
class AccountPool:
    """The accounts of one upstream, as `mix2api accounts` changes them."""

    upstream: str
    listed: Sequence[Account]
    """The file's."""
    shared: RedisAccounts


async def nothing_to_retire(_: SessionId) -> Retirement | None:
    """Of a console without that port."""
    return Retirement.UNAVAILABLE


@frozen(kw_only=True)
class ConsolePorts:
    """All of them."""

    retire: Retire = nothing_to_retire
    pools: tuple[AccountPool, ...] = field(default=())
