"""The upstream over a pool of accounts: chooses the account of each call, learns from its answer, tries another if it failed.

Four cases:

- A call that continues a site's session goes to the account that has the session. If that account cannot serve, the session is
  given up, and the turn begins anew on another account.
- A call that refers to what one account has made (`Turn.owner`) goes to that account. If it cannot serve, the call fails: no
  other account can serve it.
- Any other call goes to the account to which its API key is bound, or to the next by weight.
- An account that fails before any output is replaced by another one, a bounded number of times. After the first output the
  client has a part of the answer, so a failure is only learned from.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import trio
from attrs import define, evolve, field, frozen
from msgspec.structs import replace

from mix2api.accounts.account import Account, AccountType
from mix2api.accounts.choice import Candidate, SmoothChoice
from mix2api.accounts.port import (
    NOBODY_APART,
    Accounts,
    Asking,
    Chosen,
    Exhausted,
    Offered,
    Roster,
    Unfit,
    Why,
)
from mix2api.accounts.state import AccountState, Evidence, Status
from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.upstreams.accounts.binding_keys import BindingKey
from mix2api.upstreams.accounts.evidence import AGAINST, of_event, of_fault, of_opening
from mix2api.upstreams.accounts.exhausted import exhausted
from mix2api.upstreams.accounts.learning import Heard, Learning, heard_in
from mix2api.upstreams.accounts.secrets import Secrets
from mix2api.upstreams.accounts.sessions import owned, owner_of
from mix2api.upstreams.model_names import renamed
from mix2api.upstreams.opening import HeldStream, Opening, opening_of
from mix2api.upstreams.port import (
    CONTENT,
    Failed,
    Served,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
    UpstreamStream,
)
from mix2api.upstreams.waiting_line import WaitingLine
from mix2api.vocabulary import Detail, EndReason

_ROSTERS: Final = 1000
"""Models whose accounts are remembered: names come from clients, and a roster of 200 accounts takes some 30 kB."""
_FAREWELL_S: Final = 1.0
"""Seconds that learning from a call may take after its client has left; Redis takes less than a millisecond."""


@frozen(kw_only=True)
class PoolOptions:
    """What the deployment chooses."""

    type: AccountType
    """Accounts of another type serve other processes."""
    tries: int
    """Accounts that one call may be put to."""
    wait_s: float
    """The longest wait for a place at a busy account."""
    is_named: bool
    """Clients may read account ids."""
    binding_key: BindingKey
    """What of a call stays with its account."""
    model_word: Callable[[str], str]
    """A model as it may stand in Redis: known, or a digest."""


@define(eq=False)
class _Trying:
    """What one call has met so far."""

    asking: Asking
    model: str
    """As the client names it."""
    owner: str | None
    left: int
    is_hard: bool
    """The owner has made what the call refers to; there is no session that could begin anew elsewhere."""
    tried: set[str] = field(factory=set)
    renewed: set[str] = field(factory=set)
    secret: str = field(default="", repr=False)
    """The credential of the last attempt."""
    fault: UpstreamFault | None = None
    """Of the last account that failed the call."""

    @property
    def has_session(self) -> bool:
        """Whether the call continues a session of its owner."""
        return self.owner is not None and not self.is_hard


class AccountsUpstream:
    """The port `mix2api.upstreams.port.Upstream` around another one.

    Args:
        inner: puts a call to `UpstreamCall.base_url` with `UpstreamCall.authorization`.
        accounts: of the file, all types.
        secrets: their credentials.
        shared: what processes share of them.
        options: see there.
        clock: for the times of the 429.
    """

    def __init__(
        self,
        inner: Upstream,
        accounts: Sequence[Account],
        secrets: Secrets,
        shared: Accounts,
        options: PoolOptions,
        clock: Clock,
    ) -> None:
        self._inner = inner
        self._accounts = {one.id: one for one in accounts if one.type is options.type and one.enabled}
        self._secrets = secrets
        self._shared = shared
        self._options = options
        self._clock = clock
        self._learning = Learning(shared, clock, self._accounts)
        self._lines = {
            one.id: WaitingLine(one.max_concurrency, options.wait_s, "the account")
            for one in self._accounts.values()
            if one.max_concurrency is not None
        }
        """Where calls to accounts with a limit wait for a place."""
        self._full: set[str] = set()
        """Accounts whose places are all taken."""
        self._rosters: dict[str, Roster] = {}
        self._alone = SmoothChoice()
        """Chooses while the store does not answer."""

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[HeldStream]:
        """Puts the call to an account, and waits for what comes first.

        Raises:
            UpstreamFault: `upstream_error/rate_limit` if no account can serve; `upstream_error/session_lost` if the account
                that has the call's session cannot.
        """
        owner, session = (call.turn.owner, None) if call.session is None else owner_of(call.session)
        is_hard = call.session is None
        if owner not in self._accounts and (owner is not None or not is_hard):
            raise _owner_gone() if is_hard else _session_lost()
        word = self._options.model_word(call.turn.model)
        asking = Asking(api_key=self._options.binding_key(call), model=word, is_owned=owner is not None)
        trying = _Trying(asking, call.turn.model, owner, self._options.tries, is_hard=is_hard)
        while True:
            chosen = await self._choose(call, trying)
            account = self._accounts[chosen.account]
            trying.secret = self._secrets.of(account.id)
            authorization = f"Bearer {trying.secret}"
            there = evolve(call, session=session, base_url=account.base_url, authorization=authorization)
            there = renamed(there, account.model_names.get(trying.model, trying.model))
            async with self._place(account.id):
                watched: _WatchedStream | None = None
                try:
                    async with AsyncExitStack() as stack:
                        opening, stream = await _begun(self._inner, there, stack)
                        if of_opening(opening) is Evidence.SUCCESS and stream is not None:
                            stream.pause()
                            await self._learning.began(trying.asking, chosen)
                            watched = _WatchedStream(opening, stream, chosen)
                            yield watched
                            return
                finally:
                    if watched is not None:
                        with trio.move_on_after(_FAREWELL_S, shield=True):
                            await self._ended(trying, there, chosen, watched.heard)
            if await self._goes_on(trying, there, chosen, opening):
                continue
            yield HeldStream(_told(opening, chosen))
            return

    # --- choosing

    async def _choose(self, call: UpstreamCall, trying: _Trying) -> Chosen:
        """The account for the next attempt.

        Raises:
            UpstreamFault: there is none.
        """
        roster, apart = self._roster(call.turn.model, trying), self._apart(trying)
        choice = await self._chosen(trying.asking, roster, apart)
        if self._full and isinstance(choice, Exhausted):
            # The call waits in the line of its key's account, or of the next one.
            apart = dict.fromkeys(trying.tried, Unfit.TRIED)
            choice = await self._chosen(trying.asking, roster, apart)
        if isinstance(choice, Chosen):
            return replace(choice, why=Why.OWNER) if trying.owner is not None else choice
        if trying.has_session:
            raise _session_lost()
        if trying.fault is not None:
            raise trying.fault.again()
        if trying.owner is not None and not _comes_back(choice):
            raise _owner_gone()
        raise exhausted(choice, self._clock.now_ms(), named=self._options.is_named)

    def _roster(self, model: str, trying: _Trying) -> Roster:
        """The accounts that may serve the model; of a call with an owner that one."""
        if trying.owner is not None:
            return _roster_of([self._accounts[trying.owner]], model)
        roster = self._rosters.get(model)
        if roster is None:
            if len(self._rosters) >= _ROSTERS:
                self._rosters.clear()
            roster = self._rosters[model] = _roster_of(self._accounts.values(), model)
        return roster

    def _apart(self, trying: _Trying) -> Mapping[str, Unfit]:
        """The accounts that the call may not use."""
        if not (self._full or trying.tried):
            return NOBODY_APART
        return dict.fromkeys(self._full, Unfit.BUSY) | dict.fromkeys(trying.tried, Unfit.TRIED)

    async def _chosen(self, asking: Asking, roster: Roster, apart: Mapping[str, Unfit]) -> Chosen | Exhausted:
        try:
            return await self._shared.choose(asking, roster, apart)
        except StoreUnavailable:
            return self._chosen_alone(roster, apart)

    def _chosen_alone(self, roster: Roster, apart: Mapping[str, Unfit]) -> Chosen | Exhausted:
        """A choice without the store: by weight, bound to nothing, all accounts taken for valid."""
        fit = [Candidate(one.id, one.weight, one.priority) for one in roster.offered if one.id not in apart]
        account = self._alone.choose(fit)
        if account is None:
            return Exhausted(states={one.id: AccountState() for one in roster.offered})
        return Chosen(account=account, why=Why.CHOSEN, is_confirmed=True, state=AccountState())

    @asynccontextmanager
    async def _place(self, account: str) -> AsyncIterator[None]:
        """A place at the account for the block; waits for it in the account's line."""
        line = self._lines.get(account)
        if line is None:
            yield
            return
        async with line.place():
            if line.is_full:
                self._full.add(account)
            try:
                yield
            finally:
                self._full.discard(account)

    # --- learning

    async def _ended(self, trying: _Trying, put: UpstreamCall, chosen: Chosen, heard: Heard) -> None:
        """Learns from an answer that had begun. A credential that was revoked meanwhile is read again for the next call."""
        if heard.seen is Evidence.REFUSED and await self._secrets.renewed(chosen.account, trying.secret):
            return
        await self._learning.ended(chosen, trying.asking, heard, {trying.model, put.turn.model})

    async def _goes_on(self, trying: _Trying, put: UpstreamCall, chosen: Chosen, opening: Opening) -> bool:
        """Learns from an attempt that failed before any output; gives whether the call is put once more.

        Raises:
            UpstreamFault: the call continued a session that is to be given up.
        """
        account, heard = chosen.account, heard_in(opening)
        if heard.seen is Evidence.REFUSED and account not in trying.renewed:
            trying.renewed.add(account)
            if await self._secrets.renewed(account, trying.secret):
                if trying.has_session and opening.refusal is not None and opening.refusal.taken:
                    raise _session_lost()  # sent again, the session might hold the turn twice
                return True
        await self._learning.ended(chosen, trying.asking, heard, {trying.model, put.turn.model})
        if heard.seen not in AGAINST:
            return False
        if trying.has_session:
            raise _session_lost()
        if trying.owner is not None:
            return False
        with suppress(StoreUnavailable):
            await self._shared.release(trying.asking, account)
        trying.tried.add(account)
        trying.left -= 1
        trying.fault = opening.fault
        return trying.left > 0 and self._has_other(trying)

    def _has_other(self, trying: _Trying) -> bool:
        return bool(self._accounts.keys() - trying.tried)


class _WatchedStream(HeldStream):
    """An answer that is looked at to its end, for what it tells of its account.

    Args:
        opening: of the answer.
        stream: the answer.
        chosen: the account.
    """

    def __init__(self, opening: Opening, stream: UpstreamStream, chosen: Chosen) -> None:
        super().__init__(_told(opening, chosen), aiter(stream), stream)
        self._account = chosen.account
        self._status = opening.status
        self.heard = Heard(Evidence.SUCCESS)

    async def __anext__(self) -> list[UpstreamEvent]:
        """The next batch; what it tells of the account is kept.

        Raises:
            UpstreamFault: see the port.
        """
        try:
            batch = await super().__anext__()
        except UpstreamFault as fault:
            self.heard = Heard(of_fault(fault), fault.again())
            raise
        for event in batch:
            if type(event) not in CONTENT and (seen := of_event(event, self._status)) is not Evidence.SUCCESS:
                self.heard = Heard(seen, event if isinstance(event, Failed) else None)
        return owned(batch, self._account)


async def _begun(
    inner: Upstream, call: UpstreamCall, stack: AsyncExitStack
) -> tuple[Opening, UpstreamStream | None]:
    """Puts a call and reads its beginning; without a connection the opening is the fault alone."""
    try:
        stream = await stack.enter_async_context(inner.open(call))
    except UpstreamFault as fault:
        return Opening(fault=fault.again()), None
    return await opening_of(aiter(stream)), stream


def _roster_of(accounts: Iterable[Account], model: str) -> Roster:
    return Roster(tuple(Offered(one.id, one.weight, one.priority) for one in accounts if one.serves(model)))


def _told(opening: Opening, chosen: Chosen) -> Opening:
    """The opening, with the account before it."""
    served = Served(chosen.account, chosen.why.value)
    return evolve(opening, batches=[[served], *opening.batches])


def _comes_back(choice: Exhausted) -> bool:
    """Whether the only account that was offered is limited or busy, and not gone."""
    return any(state.status in {Status.LIMITED, Status.VALID} for state in choice.states.values())


def _owner_gone() -> UpstreamFault:
    return UpstreamFault(
        EndReason.UPSTREAM_ERROR,
        Detail.OWNER_GONE,
        "begin again with the whole history, without `previous_response_id`, encrypted items and file ids",
        taken=False,
    )


def _session_lost() -> UpstreamFault:
    return UpstreamFault(
        EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, "the account that has this session cannot serve now"
    )
