"""The accounts of the upstreams: their states, the API keys that are bound to them, and what an operator may say of one."""

import re
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from attrs import define

from mix2api.accounts.account import Account
from mix2api.accounts.model_limits import Limits
from mix2api.accounts.state import AccountState, Status
from mix2api.console.ports import AccountPool
from mix2api.store.account_actions import WEIGHT_MAX, AccountAction, act
from mix2api.store.accounts import Binding
from mix2api.vocabulary import Digest

BINDINGS: Final = 500
"""Bindings that a page lists: each is a round trip of its own, behind a scan of the store."""
_WEIGHT: Final = re.compile(r"[0-9]{1,4}")
_KEY: Final = re.compile(r"[0-9a-f]{32}")


class AccountRow(NamedTuple):
    """One account."""

    account: Account
    state: AccountState
    limits: Limits
    """Its models that are limited."""
    is_well: bool
    """Calls may go to it, but for the models that are limited."""


@define(eq=False)
class AccountsPage:
    """Makes what its template shows, and does what its buttons say.

    Args:
        pools: one for each upstream with accounts.
    """

    _pools: tuple[AccountPool, ...]

    async def rows(self) -> dict[str, list[AccountRow]]:
        """All accounts by upstream, those that are not well first: two round trips for each pool.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        listed = {}
        for pool in self._pools:
            ids = [one.id for one in pool.listed]
            states, limits = await pool.shared.states(ids), await pool.shared.limits(ids)
            rows = [_row(one, states[one.id], limits[one.id]) for one in pool.listed]
            listed[pool.upstream] = sorted(rows, key=lambda row: (row.is_well, row.account.id))
        return listed

    async def values(self, bindings: str = "") -> dict[str, Any]:
        """What the template shows.

        Args:
            bindings: the upstream whose bindings are listed; empty: none.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        pool = self._pool(bindings)
        listed = [] if pool is None else await _bindings(pool)
        return {
            "pools": await self.rows(),
            "actions": [action.value for action in AccountAction],
            "weight_max": WEIGHT_MAX,
            "bound_to": None if pool is None else pool.upstream,
            "bindings": sorted(listed[:BINDINGS], key=lambda one: (one.account, one.api_key)),
            "is_more": len(listed) > BINDINGS,
        }

    async def act(self, upstream: str, account: str, action: str) -> bool:
        """Does what a button says. Gives whether there is such an account and such an action.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        pool = self._pool_of(upstream, account)
        if pool is None or action not in set(AccountAction):
            return False
        await act(pool.shared, account, AccountAction(action))
        return True

    async def weigh(self, upstream: str, account: str, weight: str) -> bool:
        """Sets an account's weight; 0: the file's again. Gives whether there is such an account, and the weight is allowed.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        pool = self._pool_of(upstream, account)
        if pool is None or _WEIGHT.fullmatch(weight) is None or int(weight) > WEIGHT_MAX:
            return False
        await pool.shared.weigh(account, int(weight) or None)
        return True

    async def unbind(self, upstream: str, api_key: str) -> bool | None:
        """Removes a binding. Gives whether there was one; None: the form names no upstream, or no key.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        pool = self._pool(upstream)
        if pool is None or _KEY.fullmatch(api_key) is None:
            return None
        return await pool.shared.unbind(Digest(api_key))

    def _pool(self, upstream: str) -> AccountPool | None:
        return next((pool for pool in self._pools if pool.upstream == upstream), None)

    def _pool_of(self, upstream: str, account: str) -> AccountPool | None:
        pool = self._pool(upstream)
        return pool if pool is not None and account in {one.id for one in pool.listed} else None


async def _bindings(pool: AccountPool) -> list[Binding]:
    """One more than a page lists, if there are so many."""
    found: list[Binding] = []
    async with aclosing(pool.shared.bindings()) as bindings:
        async for one in bindings:
            found.append(one)
            if len(found) > BINDINGS:
                break
    return found


def _row(account: Account, state: AccountState, limits: Limits) -> AccountRow:
    is_well = account.enabled and not state.is_drained and state.status is Status.VALID
    return AccountRow(account, state, limits, is_well)
