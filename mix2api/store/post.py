"""What processes send one another through Redis: commands into a shard's inbox, all else into a process's mail.

Payloads are sealed for the key they go to (ADR 0007) and rest no longer than they are needed. Neither side repeats by
itself: an inbox entry is told apart by its run id, mail by the sender's own numbering.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field, frozen
from redis.exceptions import NoScriptError

from mix2api.clock import Clock, SystemClock
from mix2api.errors import StoreUnavailable
from mix2api.sealing import Seal, UnsealError
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.leases import owner_of
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import MEND, PUT, run_scripts, with_scripts
from mix2api.vocabulary import ProcessId, Shard

_INBOX_LIFE_MS: Final = 3_600_000
"""An inbox that nobody owns: longer than any request may take, short enough that prompts do not lie about."""
_MAIL_LIFE_MS: Final = 600_000
"""Mail for a process that is gone."""
_MAIL_LENGTH: Final = 10_000
"""Some seconds of the replies of a saturated process; a reader that is further behind asks for the status."""
_PAGE: Final = 1000
_DEADLINE: Final = re.compile(rb"[0-9]{1,15}")
_AHEAD_MS: Final = 86_400_000
"""An entry's id is the server's time. Of clocks that differ by more than a day, one is wrong; of ids, somebody wrote them."""
BLOCK_MS: Final = 1000
"""How long the one blocking read waits; a link for it needs reply timeouts above that."""


@frozen
class InboxEntry:
    """A command that waits for a shard's owner."""

    entry_id: str
    """Goes back as `Closing.inbox_entry`."""
    payload: bytes
    deadline_ms: int
    """Unix milliseconds; after it nobody waits for the answer."""


@define(eq=False, kw_only=True)
class Post:
    """Sends, and reads inboxes.

    Args:
        link: for short commands.
        keys: key names.
        seal: the deployment's.
        damage: told of entries that are none.
        mailbox: whose mail has to be readable before a turn is put; None in all but a Redis Cluster.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _damage: DamageCounter
    _mailbox: ProcessId | None = None

    async def put_inbox(
        self, owner: ProcessId, shard: Shard, payload: bytes, deadline_ms: int, wake: bytes
    ) -> str | None:
        """Leaves a command for a shard's owner and wakes it, in one round trip.

        Args:
            owner: who is believed to own the shard.
            shard: whose inbox it is.
            payload: the command.
            deadline_ms: Unix milliseconds; after it nobody waits for the answer.
            wake: for the owner's mail.

        Returns:
            The entry's id. None, and no command is left, if that process does not own the shard; it may have been woken in vain.

        Raises:
            StoreUnavailable: it may or may not be there.
        """
        key = self._keys.inbox(shard)
        sealed = self._seal.seal_bytes(payload, key.encode())
        call = PUT.call([self._keys.lease(shard), key], [f"{owner}:", sealed, deadline_ms, _INBOX_LIFE_MS])
        commands = [call, *self._mailed(owner, wake)]
        if self._mailbox is not None:
            # The replies come there: a master that is away would leave the client without them.
            commands.append(("EXISTS", self._keys.mail(self._mailbox)))
        replies = await self._link.execute(*commands)
        # Woken before the script was there, the owner has found nothing. Damage in its mail gives way to a second attempt.
        again = isinstance(replies[0], NoScriptError) or is_damage(replies[1])
        put, *mailed = await with_scripts(self._link, commands, replies)
        told([put])
        if put is None:
            return None
        entry_id, mended = put
        if mended:
            self._damage.removed(key, mended)
        if again:
            await self.mail(owner, wake)
        else:
            told(mailed)
        return str(entry_id.decode())

    async def read_inbox(self, shard: Shard, after: str = "0-0") -> list[InboxEntry]:
        """The commands after an entry id, at most a thousand. Damage, and what this deployment did not seal, is deleted.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        key = self._keys.inbox(shard)
        read: Command = ("XRANGE", key, f"({after}", "+", "COUNT", _PAGE)
        (entries,) = await _firmly(self._link, self._damage, key, read)
        found, foreign = [], []
        for entry_id, flat in entries:
            entry = self._inbox_entry(key, entry_id.decode(), flat)
            if entry is None:
                foreign.append(entry_id.decode())
            else:
                found.append(entry)
        if foreign:
            await self.delete_inbox(shard, foreign)
            self._damage.removed(key, len(foreign))
        return found

    def _inbox_entry(self, key: str, entry_id: str, flat: list[Reply]) -> InboxEntry | None:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        deadline = fields.get(b"t", b"")
        if _DEADLINE.fullmatch(deadline) is None:
            return None
        try:
            payload = self._seal.unseal_bytes(fields.get(b"p", b""), key.encode())
        except UnsealError:
            return None
        return InboxEntry(entry_id, payload, int(deadline))

    async def delete_inbox(self, shard: Shard, entry_ids: Iterable[str]) -> None:
        """Removes commands that are done with and have no `end` that would.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        ids = tuple(entry_ids)
        if ids:
            key = self._keys.inbox(shard)
            await _firmly(self._link, self._damage, key, ("XDEL", key, *ids))

    async def mail(self, process: ProcessId, *payloads: bytes) -> None:
        """Sends to a process, in order, in one round trip.

        Raises:
            StoreUnavailable: they may or may not be there.
        """
        key = self._keys.mail(process)
        await _firmly(self._link, self._damage, key, *self._mailed(process, *payloads))

    def _mailed(self, process: ProcessId, *payloads: bytes) -> list[Command]:
        key = self._keys.mail(process)
        purpose = key.encode()
        commands: list[Command] = [
            ("XADD", key, "MAXLEN", "~", _MAIL_LENGTH, "*", "p", self._seal.seal_bytes(payload, purpose))
            for payload in payloads
        ]
        return [*commands, ("PEXPIRE", key, _MAIL_LIFE_MS)]

    async def lease_owner(self, shard: Shard) -> ProcessId | None:
        """Who holds the shard; None if nobody does, as where another type stands.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        (owner,) = await self.lease_owners([shard])
        return owner

    async def lease_owners(self, shards: Sequence[Shard]) -> list[ProcessId | None]:
        """Who holds each of these shards, in one round trip. None also where the shard's master alone is away.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        tokens = await self._link.partly(*(("GET", self._keys.lease(shard)) for shard in shards))
        return [None if isinstance(token, StoreUnavailable) else owner_of(token) for token in tokens]


@define(eq=False, kw_only=True)
class MailReader:
    """The one blocking read of a process. One reader, one task.

    It deletes what it handed out with the next read, and remembers the last id: a read whose reply was lost or whose
    task was cancelled gives the same again, and nothing is given twice.

    Args:
        link: its own connection, with reply timeouts above `BLOCK_MS`.
        keys: key names.
        seal: the deployment's.
        process: whose mail.
        damage: told of entries that this deployment did not seal; they are dropped.
        clock: tells entries that are not of now.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _process: ProcessId
    _damage: DamageCounter
    _clock: Clock = field(factory=SystemClock)
    _last: str = field(default="0-0", init=False)
    _read: tuple[str, ...] = field(default=(), init=False)

    async def take(self) -> list[bytes]:
        """Waits for mail and gives all that is there (at most a thousand), in order. Outlasts outages."""
        key = self._keys.mail(self._process)
        while True:
            await self._link.wait_up(key)
            payloads = await self._once(key)
            if payloads:
                return payloads

    async def _once(self, key: str) -> list[bytes]:
        delete: list[Command] = [("XDEL", key, *self._read)] if self._read else []
        read: Command = ("XREAD", "COUNT", _PAGE, "BLOCK", BLOCK_MS, "STREAMS", key, self._last)
        try:
            replies = await _firmly(self._link, self._damage, key, *delete, read)
        except StoreUnavailable:
            return []
        entries = replies[-1][0][1] if replies[-1] else []
        self._read = tuple(entry_id.decode() for entry_id, _ in entries)
        now_ms = self._clock.now_ms()
        of_now = (entry_id for entry_id in reversed(self._read) if not is_ahead(entry_id, now_ms))
        self._last = next(of_now, self._last)
        opened = [self._unsealed(key, flat) for _, flat in entries]
        payloads = [payload for payload in opened if payload is not None]
        if len(payloads) < len(opened):
            self._damage.removed(key, len(opened) - len(payloads))
        return payloads

    def _unsealed(self, key: str, flat: list[Reply]) -> bytes | None:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        try:
            return self._seal.unseal_bytes(fields.get(b"p", b""), key.encode())
        except UnsealError:
            return None


def is_ahead(entry_id: str, now_ms: int) -> bool:
    """Whether an entry's id is no time of now. A reader that went on after it would be deaf to what comes."""
    return int(entry_id.partition("-")[0]) > now_ms + _AHEAD_MS


async def _firmly(link: RedisLink, damage: DamageCounter, key: str, *commands: Command) -> list[Reply]:
    """The replies to commands on one key; what is damaged there gives way first (`mix2api.store.scripts.MEND`).

    It was no mail of ours, and would keep its reader deaf for ever. None of the commands had an effect then: but for the
    expiry all of them fail alike.

    Raises:
        StoreUnavailable: one of the commands was refused, or may or may not have been run.
    """
    replies = await link.execute(*commands)
    if is_damage(replies[0]) or is_damage(replies[-1]):
        # By itself: a server that does not know the script yet would run the commands before it.
        await run_scripts(link, [MEND.call([key], [])])
        replies = await link.execute(*commands)
        damage.removed(key)
    return told(replies)
