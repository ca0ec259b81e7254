"""Accounts in Redis: bindings, states and turns of one pool. All keys of a pool carry one hash tag (ADR 51).

Nothing here is sealed: the keys hold the operator's account ids, digests of API keys, and models that are known or digests.
Credentials never come here.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.model_limits import Limits, Whose, after_success, limit_of, limited
from mix2api.accounts.port import NOBODY_APART, Asking, Chosen, Exhausted, Roster, Unfit, Why
from mix2api.accounts.state import AccountState, Evidence, judged
from mix2api.clock import Clock
from mix2api.store.account_calls import ChoiceCalls
from mix2api.store.account_records import NOTHING_KNOWN, AccountChange, AccountRecords
from mix2api.store.account_scripts import CONFIRM, RELEASE
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import Digest

_WHYS: Final = {why.value.encode(): why for why in Why}
_UNKNOWN: Final = [b"", b"unknown"]
"""The script's reply where Redis does not have the roster."""
_SCANNED: Final = 1000
"""Keys of one step of a scan: about a millisecond of the server."""


@frozen(kw_only=True)
class Binding:
    """An API key and its account, as the store has them."""

    api_key: Digest
    account: str
    platform: str
    model: str
    created_ms: int
    used_ms: int
    is_confirmed: bool
    left_s: int
    """Seconds until it ends unless it is used."""


@define(eq=False, kw_only=True)
class RedisAccounts:
    """`mix2api.accounts.port.Accounts` in Redis.

    Args:
        link: for short commands.
        keys: key names.
        clock: for the times of states.
        damage: told of what gave way.
        pool: the kind of upstream whose accounts these are.
        ttl_s: life of a confirmed binding after its last use, in seconds.
        scope: what is bound (`mix2api.settings.choices.BindingScope`): the bindings of each scope are apart.
    """

    _link: RedisLink
    _keys: Keys
    _clock: Clock
    _damage: DamageCounter
    _pool: str
    _ttl_s: int
    _scope: str = "apikey"
    _records: AccountRecords = field(init=False)
    _calls: ChoiceCalls = field(init=False)

    @_records.default
    def _own_records(self) -> AccountRecords:
        return AccountRecords(link=self._link, keys=self._keys, damage=self._damage, pool=self._pool)

    @_calls.default
    def _own_calls(self) -> ChoiceCalls:
        return ChoiceCalls(self._keys, self._pool, self._scope, self._ttl_s * 1000)

    async def choose(
        self, asking: Asking, roster: Roster, apart: Mapping[str, Unfit] = NOBODY_APART
    ) -> Chosen | Exhausted:
        """The account of a call; one round trip. Once a day for each roster, and after Redis was emptied, it takes two."""
        unfit = "|".join(["", *(f"{one} {why.value}" for one, why in apart.items()), ""]) if apart else ""
        reply = await self._records.run(self._calls.call(asking, roster, unfit))
        if reply == _UNKNOWN:
            reply = await self._records.run(self._calls.call(asking, roster, unfit, is_told=True))
        if len(reply) == 1:
            return self._briefly_chosen(reply[0])
        account, why, confirmed, text, *rest = reply
        if not account:
            return self._exhausted(asking.model, rest)
        return Chosen(
            account=account.decode(),
            why=_WHYS[why],
            is_confirmed=bool(confirmed),
            state=self._records.state(text),
            limits=self._records.limits(rest[0]),
        )

    def _briefly_chosen(self, reply: bytes) -> Chosen:
        """An account without limits, as the script's short way gives it."""
        why, confirmed, account, *state = reply.split(b" ", 3)
        return Chosen(
            account=account.decode(),
            why=_WHYS[why],
            is_confirmed=confirmed == b"1",
            state=self._records.state(state[0]) if state else NOTHING_KNOWN,
        )

    def _exhausted(self, model: str, told_of: Sequence[bytes]) -> Exhausted:
        """The accounts that were offered: each account's id, state and limits in a row."""
        ids = [one.decode() for one in told_of[::3]]
        states = map(self._records.state, told_of[1::3])
        limits = (limit_of(self._records.limits(text), model) for text in told_of[2::3])
        return Exhausted(
            states=dict(zip(ids, states, strict=True)),
            limits={one: limit.state for one, limit in zip(ids, limits, strict=True) if limit is not None},
        )

    async def confirm(self, asking: Asking, account: str) -> None:
        """The key is bound to the account."""
        if asking.api_key is not None:
            binding = self._keys.binding(self._pool, asking.api_key, self._scope)
            await self._records.run(
                CONFIRM.call([binding], [self._ttl_s * 1000, account, self._pool, asking.model])
            )

    async def release(self, asking: Asking, account: str) -> None:
        """A claim on the account goes."""
        if asking.api_key is not None:
            await self._records.run(
                RELEASE.call([self._keys.binding(self._pool, asking.api_key, self._scope)], [account])
            )

    async def judge(self, account: str, seen: Evidence, hint: ResetHint | None = None) -> AccountState:
        """Changes the account's state by evidence."""
        return await self._records.change_state(
            account, lambda state: judged(state, seen, self._clock.now_ms(), hint)
        )

    async def limit(self, account: str, model: str, whose: Whose, hint: ResetHint | None = None) -> None:
        """A call for the model met a limit: the model is limited on the account, or the account is."""
        is_of_account = False

        def change(limits: Limits) -> Limits:
            nonlocal is_of_account
            found = limited(limits, model, whose, self._clock.now_ms(), hint)
            is_of_account = found.is_of_account
            return found.limits

        await self._records.change_limits(account, change)
        if is_of_account:
            await self.judge(account, Evidence.LIMITED, hint)

    async def lift(self, account: str, model: str) -> None:
        """A call for the model succeeded, which was chosen while models of the account were limited."""
        await self._records.change_limits(
            account, lambda limits: after_success(limits, model, self._clock.now_ms())
        )

    async def drain(self, account: str, *, is_drained: bool = True) -> AccountState:
        """No key is bound to the account any more, and bound keys stay; or the contrary."""
        return await self._records.change_state(account, lambda state: evolve(state, is_drained=is_drained))

    async def weigh(self, account: str, weight: int | None) -> AccountState:
        """Sets the account's weight, instead of the file's; None: the file's again."""
        return await self._records.change_state(account, lambda state: evolve(state, weight=weight))

    async def reset(self, account: str) -> None:
        """Forgets all that is known of the account, an operator's words included."""
        await self._records.change_state(
            account, lambda state: None if state == NOTHING_KNOWN else NOTHING_KNOWN
        )
        await self._records.change_limits(account, lambda _: ())

    async def changes(self) -> list[AccountChange]:
        """What has changed of the pool's accounts, the oldest first: as far as it is kept, some thousands at most."""
        return await self._records.changes()

    async def states(self, accounts: Sequence[str]) -> dict[str, AccountState]:
        """The states of these accounts."""
        return await self._records.states_of(accounts)

    async def limits(self, accounts: Sequence[str]) -> dict[str, Limits]:
        """The limits of these accounts' models."""
        return await self._records.limits_of(accounts)

    async def bindings(self) -> AsyncGenerator[Binding, None]:
        """All bindings of the pool, in no order; a scan of the whole server."""
        stem = self._keys.binding(self._pool, Digest(""), self._scope)
        cursor = b"0"
        while True:
            (reply,) = told(
                await self._link.execute(("SCAN", cursor, "MATCH", f"{stem}*", "COUNT", _SCANNED))
            )
            cursor, names = reply
            for name in names:
                found = await self._binding(name.decode(), stem)
                if found is not None:
                    yield found
            if cursor == b"0":
                return

    async def unbind(self, api_key: Digest) -> bool:
        """Removes a key's binding; gives whether there was one."""
        (removed,) = told(
            await self._link.execute(("DEL", self._keys.binding(self._pool, api_key, self._scope)))
        )
        return bool(removed)

    async def _binding(self, name: str, stem: str) -> Binding | None:
        fields = ("account", "platform", "model", "created", "used", "confirmed")
        said, left = await self._link.execute(("HMGET", name, *fields), ("TTL", name))
        if is_damage(said):
            self._damage.left(name)
            return None
        account, platform, model, created, used, confirmed = told([said])[0]
        if None in {account, platform, model} or not (_is_number(created) and _is_number(used)):
            return None  # it ended meanwhile, or no process wrote it
        return Binding(
            api_key=Digest(name.removeprefix(stem)),
            account=account.decode("ascii", "replace"),
            platform=platform.decode("ascii", "replace"),
            model=model.decode("utf-8", "replace"),
            created_ms=int(created),
            used_ms=int(used),
            is_confirmed=confirmed == b"1",
            left_s=max(0, told([left])[0]),
        )


def _is_number(text: bytes | None) -> bool:
    return text is not None and text.isdigit()
