"""What an operator may say of an account, by its word: for the command and for the console."""

from enum import StrEnum
from typing import Final

from mix2api.accounts.account import WEIGHTS
from mix2api.accounts.state import Evidence
from mix2api.store.accounts import RedisAccounts

WEIGHT_MAX: Final = WEIGHTS[-1]
"""Of an account; 0 takes an operator's weight away, and the file's counts again."""


class AccountAction(StrEnum):
    """One word of an operator."""

    ENABLE = "enable"
    """Takes the account back, and ends a drain."""
    DISABLE = "disable"
    DRAIN = "drain"
    """No further API key is bound to it."""
    RESET = "reset"
    """Forgets all that is known of it."""


async def act(shared: RedisAccounts, account: str, action: AccountAction) -> None:
    """Does it.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    match action:
        case AccountAction.ENABLE:
            await shared.judge(account, Evidence.ENABLE)
            await shared.drain(account, is_drained=False)
        case AccountAction.DISABLE:
            await shared.judge(account, Evidence.DISABLE)
        case AccountAction.DRAIN:
            await shared.drain(account, is_drained=True)
        case AccountAction.RESET:
            await shared.reset(account)
