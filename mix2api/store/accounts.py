"""Accounts in Redis: bindings, states and turns of one pool. All keys of a pool carry one hash tag (ADR 51).

Nothing here is sealed: the keys hold the operator's account ids, digests of API keys, and models that are known or digests.
Credentials never come here.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, frozen

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.port import NOBODY_APART, Asking, Chosen, Exhausted, Roster, Unfit, Why
from mix2api.accounts.state import AccountState, Evidence, decoded, encoded, judged
from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.store.account_scripts import CHOOSE, CONFIRM, JUDGE, RELEASE
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import run_scripts
from mix2api.vocabulary import Digest

_CLAIM_MS: Final = 300_000
"""How long a first call may take until it succeeds: longer than the default wait for an answer's beginning, 180 s."""
_LEASE_MS: Final = 30_000
"""While one call tries a half-open account, others stay away. A call that tells nothing holds it back no longer than this."""
_RACES: Final = 100
"""Attempts to change a state that others change meanwhile; each failure means that another process's change was written."""
_NOTHING_KNOWN: Final = AccountState()
_WHYS: Final = {why.value.encode(): why for why in Why}
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


@frozen
class AccountChange:
    """A change of an account, by evidence or by an operator."""

    at_ms: int
    """Unix time."""
    account: str
    before: AccountState
    after: AccountState
    """With the reason."""


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

    async def choose(
        self, asking: Asking, roster: Roster, apart: Mapping[str, Unfit] = NOBODY_APART
    ) -> Chosen | Exhausted:
        """The account of a call; one round trip."""
        states = self._keys.account_states(self._pool)
        binding = (
            states if asking.api_key is None else self._keys.binding(self._pool, asking.api_key, self._scope)
        )
        unfit = "|".join(["", *(f"{one} {why.value}" for one, why in apart.items()), ""]) if apart else ""
        arguments: list[str | bytes | int] = [
            *(_mode(asking), _CLAIM_MS, self._ttl_s * 1000, _LEASE_MS, self._pool, asking.model),
            *(roster.packed, unfit),
        ]
        keys = [binding, states, self._keys.account_turns(self._pool)]
        account, why, confirmed, text, *rest = await self._run(CHOOSE.call(keys, arguments))
        if not account:
            told_of = zip(rest[::2], rest[1::2], strict=True)
            return Exhausted(states={one.decode(): self._state(said) for one, said in told_of})
        return Chosen(
            account=account.decode(),
            why=_WHYS[why],
            is_confirmed=bool(confirmed),
            state=self._state(text),
        )

    async def confirm(self, asking: Asking, account: str) -> None:
        """The key is bound to the account."""
        if asking.api_key is not None:
            binding = self._keys.binding(self._pool, asking.api_key, self._scope)
            await self._run(CONFIRM.call([binding], [self._ttl_s * 1000, account, self._pool, asking.model]))

    async def release(self, asking: Asking, account: str) -> None:
        """A claim on the account goes."""
        if asking.api_key is not None:
            await self._run(
                RELEASE.call([self._keys.binding(self._pool, asking.api_key, self._scope)], [account])
            )

    async def judge(self, account: str, seen: Evidence, hint: ResetHint | None = None) -> AccountState:
        """Changes the account's state by evidence."""
        return await self._change(account, lambda state: judged(state, seen, self._clock.now_ms(), hint))

    async def drain(self, account: str, *, is_drained: bool = True) -> AccountState:
        """No key is bound to the account any more, and bound keys stay; or the contrary."""
        return await self._change(account, lambda state: evolve(state, is_drained=is_drained))

    async def weigh(self, account: str, weight: int | None) -> AccountState:
        """Sets the account's weight, instead of the file's; None: the file's again."""
        return await self._change(account, lambda state: evolve(state, weight=weight))

    async def reset(self, account: str) -> None:
        """Forgets all that is known of the account, an operator's words included."""
        await self._change(account, lambda state: None if state == _NOTHING_KNOWN else _NOTHING_KNOWN)

    async def changes(self) -> list[AccountChange]:
        """What has changed of the pool's accounts, the oldest first: as far as it is kept, some thousands at most."""
        key = self._keys.account_changes(self._pool)
        (reply,) = await self._link.execute(("XRANGE", key, "-", "+"))
        if is_damage(reply):
            self._damage.left(key)
            return []
        found = []
        for entry, fields in told([reply])[0]:
            said = dict(zip(fields[::2], fields[1::2], strict=True))
            before, after = self._state(said.get(b"before")), self._state(said.get(b"after"))
            at_ms = int(entry.partition(b"-")[0])
            found.append(
                AccountChange(at_ms, said.get(b"account", b"").decode("ascii", "replace"), before, after)
            )
        return found

    async def states(self, accounts: Sequence[str]) -> dict[str, AccountState]:
        """The states of these accounts."""
        if not accounts:
            return {}
        (reply,) = await self._link.execute(("HMGET", self._keys.account_states(self._pool), *accounts))
        if is_damage(reply):
            return dict.fromkeys(accounts, AccountState())
        return {one: self._state(text) for one, text in zip(accounts, told([reply])[0], strict=True)}

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

    async def _change(
        self, account: str, change: Callable[[AccountState], AccountState | None]
    ) -> AccountState:
        """Writes what a change makes of the state, unless another process was faster; then of that one's."""
        states = self._keys.account_states(self._pool)
        (text,) = await self._link.execute(("HGET", states, account))
        text = b"" if is_damage(text) else told([text])[0] or b""
        for _ in range(_RACES):
            before = self._state(text)
            after = change(before)
            if after is None or after is before:
                return before
            written = b"" if after is _NOTHING_KNOWN else encoded(after).encode()
            keys = [states, self._keys.account_changes(self._pool)]
            stands, *_ = await self._run(
                JUDGE.call(keys, [account, text, written, int(_is_told(before, after))])
            )
            if stands == written:
                return after
            text = stands
        raise StoreUnavailable

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

    def _state(self, text: bytes | None) -> AccountState:
        """The state that a text is; a damaged one counts as none."""
        if not text:
            return _NOTHING_KNOWN
        state = decoded(text.decode("ascii", "replace"))
        if state is None:
            self._damage.left(self._keys.account_states(self._pool))
        return state or AccountState()

    async def _run(self, call: Command) -> list[Reply]:
        """A script's reply; the keys that gave way stand behind it."""
        ((reply, *mended),) = told(await run_scripts(self._link, [call]))
        for key in mended:
            self._damage.removed(key.decode())
        return reply if isinstance(reply, list) else [reply]


def _is_told(before: AccountState, after: AccountState) -> bool:
    """Whether a change is more than one of times: of the status, or of an operator's words."""
    return (before.status, before.is_drained, before.weight) != (after.status, after.is_drained, after.weight)


def _mode(asking: Asking) -> int:
    """The first argument of `CHOOSE`."""
    if asking.api_key is None:
        return 3 if asking.is_owned else 0
    return 2 if asking.is_owned else 1


def _is_number(text: bytes | None) -> bool:
    return text is not None and text.isdigit()
