"""The accepted runs without an end, as they stand in the `open` hashes: read, taken over, and cleared of damage.

An entry is `<next seq> <process>:<nonce> <started ms> <edge> <session> <summary>`, written by the append script. What
has another form names no run: readers pass over it, and the shard's owner removes it.
"""

import hashlib
import re
from typing import Final

import trio
from attrs import define, frozen

from mix2api.events.log import OpenRun
from mix2api.identity import shard_of
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.leases import Leases
from mix2api.store.peers import Peers
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import CLEAR, SEIZE, run_scripts
from mix2api.vocabulary import ProcessId, RunId, SessionId, Shard

_NUMBER: Final = r"([0-9]{1,15})"
"""15 digits: Lua counts that far exactly, and as milliseconds it is the year 33,000."""
_WORD: Final = r"([\w.-]{1,64})"
_ENTRY: Final = re.compile(
    rf"{_NUMBER} {_WORD}:{_WORD} {_NUMBER} {_WORD} (ses_([0-9a-f]{{4}})[\w-]{{22}}_[0-9a-f]{{16}}) (.*)".encode(),
    re.DOTALL,
)
_RUN: Final = re.compile(_WORD.encode())
_AT_ONCE: Final = 1000
"""Entries that are read or removed in one step: the loop turns in between, however many there are."""


@frozen(kw_only=True)
class OpenEntry:
    """An accepted run without an end, with what its audit entry will say of its request."""

    run: OpenRun
    summary: bytes


@define(eq=False, kw_only=True)
class OpenRuns:
    """The `open` hashes of all shards.

    Args:
        link: for short commands.
        keys: key names.
        leases: of this process; where it holds one, it removes damage.
        holder: `<process>:<nonce>`, who takes runs over.
        damage: told of entries that name no run.
        peers: who is silent.
    """

    _link: RedisLink
    _keys: Keys
    _leases: Leases
    _holder: str
    _damage: DamageCounter
    _peers: Peers

    async def entries(self, shards: list[Shard]) -> list[OpenEntry]:
        """The accepted runs of several shards that have no end, in one round trip if nothing is damaged.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        commands: list[Command] = [("HGETALL", self._keys.open(shard)) for shard in shards]
        found: list[OpenEntry] = []
        for shard, flat in zip(shards, await self._link.execute(*commands), strict=True):
            if is_damage(flat):
                await self._clear(shard, [])
            else:
                found += await self._read(shard, told([flat])[0])
        return found

    async def seize(self, run: OpenRun) -> bool:
        """Takes over the run of a process that is lost, on a shard that we hold; its next seq stays.

        A process is lost if its heartbeat is gone, or is as it was for a whole lease (`mix2api.store.peers`). The heartbeat is
        looked up before, not in the script (it is not of the shard): a process that comes back in between is fenced at its
        next append.

        Returns:
            Whether it is ours now. False: still somebody's, ended, or the shard is not ours.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        shard = shard_of(run.session_id)
        token = self._leases.token(shard)
        key = self._keys.process(run.process)
        left_ms, shown = told(await self._link.execute(("PTTL", key), ("HMGET", key, "beat", "held")))
        mark = tuple(part or b"" for part in shown)
        if token is None or (left_ms > 0 and mark != self._peers.silent_mark(run.process)):
            return False
        call = SEIZE.call(
            [self._keys.lease(shard), self._keys.open(shard)], [token, run.run_id, run.process, self._holder]
        )
        return bool(told(await run_scripts(self._link, [call]))[0])

    async def _read(self, shard: Shard, flat: list[Reply]) -> list[OpenEntry]:
        found: list[OpenEntry] = []
        damaged: list[Reply] = []
        for place in range(0, len(flat), 2):
            entry = _entry(shard, flat[place], flat[place + 1])
            if entry is None:
                damaged += flat[place : place + 2]
            else:
                found.append(entry)
            if place % _AT_ONCE == _AT_ONCE - 2:
                await trio.lowlevel.checkpoint()
        if damaged:
            await self._clear(shard, damaged)
        return found

    async def _clear(self, shard: Shard, damaged: list[Reply]) -> None:
        """Removes damage if the shard is ours; `damaged` is empty where the whole key is of another type."""
        key, token = self._keys.open(shard), self._leases.token(shard)
        if token is None:
            self._damage.left(key, len(damaged) // 2 or 1)
            return
        removed = 0
        for first in range(0, len(damaged) or 1, 2 * _AT_ONCE):
            some = damaged[first : first + 2 * _AT_ONCE]
            digests = [_sha1(part) if place % 2 else part for place, part in enumerate(some)]
            call = CLEAR.call([self._keys.lease(shard), key], [token, *digests])
            removed += told(await run_scripts(self._link, [call]))[0]
        if removed:
            self._damage.removed(key, removed)


def _entry(shard: Shard, run_id: bytes, value: bytes) -> OpenEntry | None:
    """The run of an entry; None if it names none of this shard."""
    parts = _ENTRY.fullmatch(value)
    if parts is None or _RUN.fullmatch(run_id) is None or int(parts[7], 16) != shard:
        return None
    due, process, _, started_ms, edge, session_id, _, summary = parts.groups()
    return OpenEntry(
        run=OpenRun(
            run_id=RunId(run_id.decode()),
            session_id=SessionId(session_id.decode()),
            process=ProcessId(process.decode()),
            edge=ProcessId(edge.decode()),
            next_seq=int(due),
            started_ms=int(started_ms),
        ),
        summary=summary,
    )


def _sha1(value: bytes) -> str:
    """As Redis's scripts compute it: which value was seen, without sending it back."""
    return hashlib.sha1(value, usedforsecurity=False).hexdigest()
