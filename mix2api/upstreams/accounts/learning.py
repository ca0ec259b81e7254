"""Learns from the answers of accounts: their circuit breakers, their states, and the limits of their models."""

from collections.abc import Iterable
from contextlib import suppress

from attrs import define, field, frozen

from mix2api.accounts.breaker import Breaker
from mix2api.accounts.model_limits import Whose, after_success
from mix2api.accounts.port import Accounts, Asking, Chosen
from mix2api.accounts.state import Evidence, Status
from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.upstreams.accounts.evidence import AGAINST, of_opening, whose_limit
from mix2api.upstreams.opening import Opening
from mix2api.upstreams.port import Failed, UpstreamFault


@frozen
class Heard:
    """What an answer has told of its account."""

    seen: Evidence
    said: Failed | UpstreamFault | None = field(default=None, repr=False)
    """The failure, if it was one."""


def heard_in(opening: Opening) -> Heard:
    """What the beginning of an answer tells."""
    first = opening.first if isinstance(opening.first, Failed) else None
    return Heard(of_opening(opening), opening.fault or first)


@define(eq=False)
class Learning:
    """One process's.

    Args:
        shared: what processes share of the accounts.
        clock: for the times of limits.
        accounts: their ids.
    """

    _shared: Accounts
    _clock: Clock
    _accounts: Iterable[str]
    _breakers: dict[str, Breaker] = field(init=False)

    @_breakers.default
    def _closed(self) -> dict[str, Breaker]:
        return {account: Breaker() for account in self._accounts}

    async def began(self, asking: Asking, chosen: Chosen) -> None:
        """The account has begun an answer: its key is bound to it, and what was half-open is valid again."""
        with suppress(StoreUnavailable):
            if not chosen.is_confirmed and not asking.is_owned:
                await self._shared.confirm(asking, chosen.account)
            if chosen.state.status is not Status.VALID:
                await self._shared.judge(chosen.account, Evidence.SUCCESS)
            limits = chosen.limits
            if limits and after_success(limits, asking.model, self._clock.now_ms()) is not limits:
                await self._shared.lift(chosen.account, asking.model)

    async def ended(self, chosen: Chosen, asking: Asking, heard: Heard, models: Iterable[str]) -> None:
        """An attempt is over.

        Args:
            chosen: the account that it was put to.
            asking: whose call it was.
            heard: what the answer told.
            models: the names of the call's model.
        """
        account = chosen.account
        seen, breaker = heard.seen, self._breakers[account]
        if seen is Evidence.SUCCESS:
            breaker.succeeded()
            return
        if seen is Evidence.FAULT and breaker.failed():
            seen = Evidence.FAILING
        hint = heard.said.reset if isinstance(heard.said, UpstreamFault) else None
        with suppress(StoreUnavailable):
            if seen is Evidence.LIMITED:
                whose = whose_limit(heard.said, models)
                if whose is Whose.UNTOLD and chosen.state.status is not Status.VALID:
                    whose = Whose.ACCOUNT  # the call was to show whether the account serves again
                await self._shared.limit(account, asking.model, whose, hint)
            elif seen in AGAINST or seen is Evidence.FAILING:
                await self._shared.judge(account, seen, hint)
