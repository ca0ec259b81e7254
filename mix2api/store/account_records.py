"""What is known of a pool's accounts and of their models, in Redis: read, changed by evidence, and each change kept."""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, frozen

from mix2api.accounts.model_limits import Limits, changed, decoded_limits, encoded_limits
from mix2api.accounts.state import AccountState, decoded, encoded
from mix2api.errors import StoreUnavailable
from mix2api.store.account_scripts import JUDGE
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import run_scripts

_RACES: Final = 100
"""Attempts to change what others change meanwhile; each failure means that another process's change was written."""
_LIMITS_MS: Final = 86_400_000
"""Each limit of a model may be tried again a quarter of an hour after it was written at the latest
(`mix2api.accounts.state`), so a day later none of them keeps anything back."""
NOTHING_KNOWN: Final = AccountState()
_Change = tuple[str, AccountState, AccountState]
"""Of a model (empty: of the account itself): before and after."""


@frozen
class AccountChange:
    """A change of an account or of one of its models, by evidence or by an operator."""

    at_ms: int
    """Unix time."""
    account: str
    before: AccountState
    after: AccountState
    """With the reason."""
    model: str | None = None
    """The account's model that is limited, or is so no more. None: the account itself changed."""


@define(eq=False, kw_only=True)
class AccountRecords:
    """One pool's.

    Args:
        link: for short commands.
        keys: key names.
        damage: told of what gave way.
        pool: the kind of upstream whose accounts these are.
    """

    _link: RedisLink
    _keys: Keys
    _damage: DamageCounter
    _pool: str

    async def change_state(
        self, account: str, change: Callable[[AccountState], AccountState | None]
    ) -> AccountState:
        """Writes what a change makes of the account's state, and gives the state that stands then."""
        key = self._keys.account_states(self._pool)

        def changed_text(text: bytes) -> tuple[bytes, list[_Change]] | None:
            before = self.state(text)
            after = change(before)
            if after is None or after is before:
                return None
            news: list[_Change] = [("", before, after)] if _is_told(before, after) else []
            return b"" if after is NOTHING_KNOWN else encoded(after).encode(), news

        return self.state(await self._changed(key, account, 0, changed_text))

    async def change_limits(self, account: str, change: Callable[[Limits], Limits]) -> None:
        """Writes what a change makes of the limits of the account's models."""
        key = self._keys.account_limits(self._pool)

        def changed_text(text: bytes) -> tuple[bytes, list[_Change]] | None:
            before = self.limits(text)
            after = change(before)
            return None if after == before else (encoded_limits(after).encode(), changed(before, after))

        await self._changed(key, account, _LIMITS_MS, changed_text)

    async def changes(self) -> list[AccountChange]:
        """What has changed, the oldest first: as far as it is kept, some thousands at most."""
        key = self._keys.account_changes(self._pool)
        (reply,) = await self._link.execute(("XRANGE", key, "-", "+"))
        if is_damage(reply):
            self._damage.left(key)
            return []
        found = []
        for entry, fields in told([reply])[0]:
            said = dict(zip(fields[::2], fields[1::2], strict=True))
            change = AccountChange(
                int(entry.partition(b"-")[0]),
                said.get(b"account", b"").decode("ascii", "replace"),
                self.state(said.get(b"before")),
                self.state(said.get(b"after")),
                said.get(b"model", b"").decode("utf-8", "replace") or None,
            )
            found.append(change)
        return found

    async def states_of(self, accounts: Sequence[str]) -> dict[str, AccountState]:
        """The states of these accounts."""
        texts = await self._texts(self._keys.account_states(self._pool), accounts)
        return {one: self.state(text) for one, text in zip(accounts, texts, strict=True)}

    async def limits_of(self, accounts: Sequence[str]) -> dict[str, Limits]:
        """The limits of these accounts' models."""
        texts = await self._texts(self._keys.account_limits(self._pool), accounts)
        return {one: self.limits(text) for one, text in zip(accounts, texts, strict=True)}

    def state(self, text: bytes | None) -> AccountState:
        """The state that a text is; a damaged one counts as none."""
        if not text:
            return NOTHING_KNOWN
        state = decoded(text.decode("ascii", "replace"))
        if state is None:
            self._damage.left(self._keys.account_states(self._pool))
        return state or AccountState()

    def limits(self, text: bytes | None) -> Limits:
        """The limits that a text is; damaged ones count as none."""
        if not text:
            return ()
        limits = decoded_limits(text.decode("ascii", "replace"))
        if limits is None:
            self._damage.left(self._keys.account_limits(self._pool))
        return limits or ()

    async def run(self, call: Command) -> list[Reply]:
        """A script's reply; behind a list stand the keys that gave way."""
        (whole,) = told(await run_scripts(self._link, [call]))
        if isinstance(whole, bytes):
            return [whole]
        reply, *mended = whole
        for key in mended:
            self._damage.removed(key.decode())
        return reply if isinstance(reply, list) else [reply]

    async def _texts(self, key: str, accounts: Sequence[str]) -> list[bytes | None]:
        if not accounts:
            return []
        (reply,) = await self._link.execute(("HMGET", key, *accounts))
        texts: list[bytes | None] = [None] * len(accounts) if is_damage(reply) else told([reply])[0]
        return texts

    async def _changed(
        self,
        key: str,
        account: str,
        life_ms: int,
        change: Callable[[bytes], tuple[bytes, list[_Change]] | None],
    ) -> bytes:
        """Writes what a change makes of an account's text, unless another process was faster; then of that one's."""
        (text,) = await self._link.execute(("HGET", key, account))
        text = b"" if is_damage(text) else told([text])[0] or b""
        for _ in range(_RACES):
            changed_to = change(text)
            if changed_to is None:
                return bytes(text)
            written, news = changed_to
            entries = [
                word for model, before, after in news for word in (model, encoded(before), encoded(after))
            ]
            keys = [key, self._keys.account_changes(self._pool), self._keys.account_plan(self._pool)]
            stands, *_ = await self.run(JUDGE.call(keys, [account, text, written, life_ms, *entries]))
            if stands == written:
                return written
            text = stands
        raise StoreUnavailable


def _is_told(before: AccountState, after: AccountState) -> bool:
    """Whether a change is more than one of times: of the status, or of an operator's words."""
    return (before.status, before.is_drained, before.weight) != (after.status, after.is_drained, after.weight)
