"""The accounts of the upstreams: their states, and what an operator may say of one."""

from typing import Any, NamedTuple

from attrs import define

from mix2api.accounts.account import Account
from mix2api.accounts.state import AccountState, Status
from mix2api.console.ports import AccountPool
from mix2api.store.account_actions import AccountAction, act


class AccountRow(NamedTuple):
    """One account."""

    account: Account
    state: AccountState
    is_well: bool
    """Calls may go to it."""


@define(eq=False)
class AccountsPage:
    """Makes what its template shows, and does what its buttons say.

    Args:
        pools: one for each upstream with accounts.
    """

    _pools: tuple[AccountPool, ...]

    async def rows(self) -> dict[str, list[AccountRow]]:
        """All accounts by upstream, those that are not well first: a round trip for each pool.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        listed = {}
        for pool in self._pools:
            states = await pool.shared.states([one.id for one in pool.listed])
            rows = [_row(one, states[one.id]) for one in pool.listed]
            listed[pool.upstream] = sorted(rows, key=lambda row: (row.is_well, row.account.id))
        return listed

    async def values(self) -> dict[str, Any]:
        """What the template shows.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return {"pools": await self.rows(), "actions": [action.value for action in AccountAction]}

    async def act(self, upstream: str, account: str, action: str) -> bool:
        """Does what a button says. Gives whether there is such an account and such an action.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        pool = next((pool for pool in self._pools if pool.upstream == upstream), None)
        if pool is None or action not in set(AccountAction) or account not in {one.id for one in pool.listed}:
            return False
        await act(pool.shared, account, AccountAction(action))
        return True


def _row(account: Account, state: AccountState) -> AccountRow:
    is_well = account.enabled and not state.is_drained and state.status is Status.VALID
    return AccountRow(account, state, is_well)
