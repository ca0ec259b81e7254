"""What the console may change, as ports: the composition root hands them in, and each is what a command does."""

from collections.abc import Awaitable, Callable, Sequence

from attrs import field, frozen

from mix2api.accounts.account import Account
from mix2api.release.release import StepRefused
from mix2api.store.accounts import RedisAccounts
from mix2api.store.conversation_actions import Stir
from mix2api.store.release_actions import Obeyed, ReleaseOrder
from mix2api.vocabulary import Digest, Retirement, SessionId

Retire = Callable[[SessionId], Awaitable[Retirement | None]]
"""Retires a session, as `mix2api sessions retire` does. None: that was asked for, and is not yet confirmed."""

ChangeRelease = Callable[[ReleaseOrder], Awaitable[Obeyed]]
"""Says a word of a release, as `mix2api release` does. Raises `StepRefused` where the release does not allow it."""


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


async def no_release_to_change(_: ReleaseOrder) -> Obeyed:
    """Of a console without that port.

    Raises:
        StepRefused: always.
    """
    raise StepRefused("this console may not change releases: use `mix2api release`")


async def nobody_to_stir(_: Digest) -> None:
    """Of a console without that port: whoever runs the turns looks by itself after a while."""


@frozen(kw_only=True)
class ConsolePorts:
    """All of them."""

    stir: Stir = nobody_to_stir
    retire: Retire = nothing_to_retire
    change_release: ChangeRelease = no_release_to_change
    pools: tuple[AccountPool, ...] = field(default=())
