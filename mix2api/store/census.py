"""Who takes part in a deployment, and which shards have an owner: read by commands in two round trips, changed by none.

A heartbeat of a version before this one lacks some fields, and they are None here.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from mix2api.errors import StoreUnavailable
from mix2api.store.damage import DamageCounter
from mix2api.store.heartbeat import LEASES_PER_LIFE
from mix2api.store.keys import Keys
from mix2api.store.leases import owner_of
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import ProcessId, Shard

_PROCESS: Final = re.compile(rb"[\w.-]{1,64}")
_WORD: Final = re.compile(rb"[\w.+-]{0,64}")
_NUMBER: Final = re.compile(rb"[0-9]{1,15}")
"""Milliseconds of Unix time have 13 digits."""
_WORDS: Final = ("version", "role", "channel")
_NUMBERS: Final = ("weight", "beat_ms", "lease_ms", "streams", "runs", "queued", "spooled", "runtime_runs")
_GONE: Final = -2
"""Of `PTTL`."""


@frozen(kw_only=True)
class CountedProcess:
    """What the heartbeat of a live process says, and what follows from it."""

    process: ProcessId
    version: str
    role: str
    channel: str
    weight: int
    takes: bool
    """Whether it takes shards now. A worker that starts or drains, or whose event loop stands still, does not."""
    follows_release: bool
    """Whether its version divides the shards as the release says."""
    shards: int
    """The shards whose lease names it."""
    streams: int | None
    runs: int | None
    queued: int | None
    spooled: int | None
    runtime_runs: int | None
    """Runs that have a session in a runtime. None: it calls no runtime."""
    age_ms: int | None
    """Since the heartbeat was written. None: not known, as while its event loop stands still and a thread keeps it alive."""
    skew_ms: int | None
    """How far its clock is ahead of the store's. The way from the process to the store makes it a little smaller."""
    lease_ms: int | None

    @property
    def is_late(self) -> bool:
        """Whether it missed its last beats: it beats three times a lease, and others call it silent after one."""
        return self.age_ms is not None and self.lease_ms is not None and self.age_ms > self.lease_ms


@frozen(kw_only=True)
class Counted:
    """A deployment at one moment."""

    processes: tuple[CountedProcess, ...]
    """In the order of their names."""
    shards: int
    unowned: tuple[Shard, ...]
    """The shards without an owner."""
    silent: int = 0
    """Shards whose master in a Redis Cluster does not answer: nobody knows whether they have an owner."""
    unreadable: int
    """Heartbeats that no process of ours wrote, or that are broken; also members of the set of processes."""


@define(eq=False, kw_only=True)
class Census:
    """Reads the heartbeats and leases of a deployment.

    Args:
        link: the connection of readers.
        keys: key names.
        shards: how many there are.
        damage: told of heartbeats that cannot be read; they stay, for the processes to remove.
    """

    _link: RedisLink
    _keys: Keys
    _shards: int
    _damage: DamageCounter
    _unreadable: int = field(default=0, init=False)

    async def take(self) -> Counted:
        """Counts the live processes and the shards with an owner.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        self._unreadable = 0
        shards = [Shard(number) for number in range(self._shards)]
        leases: list[Command] = [("GET", self._keys.lease(shard)) for shard in shards]
        members, *replies = await self._link.partly(("SMEMBERS", self._keys.processes()), *leases)
        answered = [
            pair for pair in zip(shards, replies, strict=True) if not isinstance(pair[1], StoreUnavailable)
        ]
        owners = {shard: owner_of(reply) for shard, reply in answered}
        held = Counter(owner for owner in owners.values() if owner is not None)
        return Counted(
            processes=tuple(await self._processes(self._members(members), held)),
            shards=self._shards,
            unowned=tuple(shard for shard, owner in owners.items() if owner is None),
            silent=self._shards - len(owners),
            unreadable=self._unreadable,
        )

    def _members(self, reply: Reply) -> list[ProcessId]:
        if is_damage(reply):
            self._miss(self._keys.processes())
            return []
        members = told([reply])[0]
        foreign = sum(_PROCESS.fullmatch(member) is None for member in members)
        if foreign:
            self._miss(self._keys.processes(), foreign)
        return sorted(ProcessId(member.decode()) for member in members if _PROCESS.fullmatch(member))

    async def _processes(
        self, processes: Sequence[ProcessId], held: Counter[ProcessId]
    ) -> list[CountedProcess]:
        asked: list[Command] = [("TIME",)]
        for process in processes:
            key = self._keys.process(process)
            asked += [("PTTL", key), ("HMGET", key, "takes", "follows_release", *_WORDS, *_NUMBERS)]
        time, *replies = await self._link.execute(*asked)
        seconds, microseconds = told([time])[0]
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        found = []
        for process, left_ms, fields in zip(processes, told(replies[::2]), replies[1::2], strict=True):
            if left_ms == _GONE:
                continue  # it has ended, and the others have not taken it out of the set yet
            counted = None if left_ms < 0 else _counted(process, fields, left_ms, now_ms, held[process])
            if counted is None:
                self._miss(self._keys.process(process))
            else:
                found.append(counted)
        return found

    def _miss(self, key: str, count: int = 1) -> None:
        self._unreadable += count
        self._damage.left(key, count)


def _counted(
    process: ProcessId, reply: Reply, left_ms: int, now_ms: int, shards: int
) -> CountedProcess | None:
    """What a heartbeat says; None if it is damaged."""
    if is_damage(reply):
        return None
    takes, follows, *fields = told([reply])[0]
    words, numbers = fields[: len(_WORDS)], fields[len(_WORDS) :]
    if any(word is None or _WORD.fullmatch(word) is None for word in words):
        return None
    if any(number is not None and _NUMBER.fullmatch(number) is None for number in numbers):
        return None
    version, role, channel = (word.decode() for word in words)
    weight, beat_ms, lease_ms, *load = (None if number is None else int(number) for number in numbers)
    if weight is None:
        return None
    streams, runs, queued, spooled, runtime_runs = load
    # A longer life than a beat gives: a thread has prolonged it, and nobody knows when.
    age_ms = None if lease_ms is None else lease_ms * LEASES_PER_LIFE - left_ms
    if age_ms is not None and age_ms < 0:
        age_ms = None
    return CountedProcess(
        process=process,
        version=version,
        role=role,
        channel=channel,
        weight=weight,
        takes=takes == b"1",
        follows_release=follows == b"1",
        shards=shards,
        streams=streams,
        runs=runs,
        queued=queued,
        spooled=spooled,
        runtime_runs=runtime_runs,
        age_ms=age_ms,
        skew_ms=None if beat_ms is None or age_ms is None else beat_ms - (now_ms - age_ms),
        lease_ms=lease_ms,
    )
