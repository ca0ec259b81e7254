"""That a process lives, and what it is: a hash that expires unless it is written again."""

import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import trio
from attrs import define, evolve, field, frozen

from mix2api.clock import Clock, SystemClock
from mix2api.errors import StoreUnavailable
from mix2api.sealing import Seal
from mix2api.store.caller_slots import read_slots, slots_word
from mix2api.store.damage import DamageCounter
from mix2api.store.followed_release import FollowedRelease
from mix2api.store.keys import Keys
from mix2api.store.options import StoreOptions
from mix2api.store.peers import Peer, Peers
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.rendezvous import Taker
from mix2api.store.schema import WrittenSchema
from mix2api.store.willingness import Willingness, unwilling
from mix2api.vocabulary import Channel, Digest, ProcessId

_PROCESS: Final = re.compile(rb"[\w.-]{1,64}")
_VERSION: Final = re.compile(rb"[1-9][0-9]{0,5}")
_WEIGHT: Final = re.compile(rb"[0-9]{1,5}")
_ROOM: Final = re.compile(rb"[0-9]{1,7}")
_WITHOUT_EXPIRY: Final = -1
"""Of `PTTL`."""
_AT_ONCE: Final = 1000
_BEATS_PER_LEASE: Final = 3
LEASES_PER_LIFE: Final = 2
"""The heartbeat outlasts the lease, so that a run is never seized from a process whose lease still stands."""
_SHOWN: Final = (
    *("schema_read", "beat", "held", "takes", "weight", "nonce", "role", "room", "channel", "version"),
    *("callers", "waits", "level", "queue_room"),
)
"""What is read of another process's heartbeat."""
_WITH_WORKER: Final = frozenset({b"serve", b"worker"})
"""Roles that take shards, for heartbeats of a version that does not say whether it does."""


@frozen(kw_only=True)
class ProcessFacts:
    """What a heartbeat says of its process."""

    host: str
    """A digest: enough to see which processes share a host."""
    version: str
    schema_read: int
    """The highest schema version of events that it reads; writers use the lowest of all live processes."""
    schema_written: int
    """The version in which it writes now."""
    channel: str
    weight: int
    role: str
    nonce: str
    """Of its holder word, so that others can hand it a lease."""
    takes: bool = False
    """Whether it takes shards now: it has a worker, has started, and does not drain."""

    @classmethod
    def of(cls, options: StoreOptions, seal: Seal, schema_read: int, nonce: str) -> "ProcessFacts":
        """Of this process, before it has heard of others, and before it takes shards."""
        return cls(
            host=seal.digest(socket.gethostname(), "host"),
            version=options.version,
            schema_read=schema_read,
            schema_written=schema_read,
            channel=options.channel.value,
            weight=options.weight,
            role=options.role,
            nonce=nonce,
        )


@frozen(kw_only=True)
class ProcessLoad:
    """How much a process has to do, at one moment."""

    streams: int = 0
    """Answers under way at its edge, streamed or not."""
    runs: int = 0
    """Turns that run in its worker."""
    queued: int = 0
    """Turns that wait for a slot there."""
    spooled: int = 0
    """Entries that wait to be written to Redis."""
    room: int | None = None
    """Turns that its worker would begin at once. None: it has no worker."""
    heaviest: Mapping[Digest, int] = field(factory=dict)
    """Slots of the callers that hold the most of them: `CALLERS_TOLD` callers at most."""
    longest: Mapping[Digest, int] = field(factory=dict)
    """Waiting turns of the callers with the most of them: `CALLERS_TOLD` callers at most."""
    level: int | None = None
    """Slots in the deployment of the caller that its next free slot is for. None: it takes no turns."""
    queue_room: int = 0
    """Turns that its queue takes before one has to give way."""
    runtime_runs: int | None = None
    """Runs of its worker that have a session in a runtime. None: it calls none."""


@define(eq=False, kw_only=True)
class Heartbeat:
    """Shows that this process lives, and sees who else does.

    Args:
        link: the leases' connection: both must stay quick while others wait.
        keys: key names.
        process: this one.
        facts: what the heartbeat says.
        lease_s: the leases' length; the heartbeat lasts twice as long.
        schema: told of what the others read.
        willingness: told whether the server takes heartbeats: an idle process writes nothing else.
        damage: told of heartbeats that no process wrote.
        clock: its wall time stands in the heartbeat, so that others see how far it is off.
        release: told of the release that stands, at every look at the others.
    """

    _link: RedisLink
    _keys: Keys
    process: ProcessId
    facts: ProcessFacts
    _lease_s: float
    release: FollowedRelease
    _schema: WrittenSchema = field(factory=WrittenSchema)
    _willingness: Willingness = field(factory=Willingness)
    _damage: DamageCounter = field(factory=DamageCounter)
    _clock: Clock = field(factory=SystemClock)
    load: Callable[[], ProcessLoad] = field(default=ProcessLoad, init=False)
    """What the process has to do now. Set by the composition root; until then it has nothing to do."""
    _begun: bool = field(default=False, init=False)
    _beats: int = field(default=0, init=False)
    peers: Peers = field(init=False)
    """The others, as of the last beat."""

    @peers.default
    def _no_peers(self) -> Peers:
        return Peers(self._lease_s)

    def take_shards(self, *, takes: bool) -> None:
        """From the next beat on, the others give shards to this process, or do not."""
        self.facts = evolve(self.facts, takes=takes)

    async def beat(self) -> None:
        """Writes the heartbeat, and hears what the others read.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await self.hear()
        self._begun = True
        key, known = self._keys.process(self.process), self._keys.processes()
        facts = self.facts = evolve(self.facts, schema_written=self._schema.version)
        self._beats += 1
        load = self.load()
        beat: tuple[Command, ...] = (
            ("MULTI",),
            (
                "HSET",
                key,
                *("host", facts.host, "version", facts.version, "role", facts.role),
                *("schema_read", facts.schema_read, "schema_written", facts.schema_written),
                *("channel", facts.channel, "weight", facts.weight),
                *("nonce", facts.nonce, "takes", int(facts.takes), "beat", self._beats),
                *("follows_release", 1),
                *("beat_ms", self._clock.now_ms(), "lease_ms", int(self._lease_s * 1000)),
                *("streams", load.streams, "runs", load.runs),
                *("queued", load.queued, "spooled", load.spooled, "callers", slots_word(load.heaviest)),
                *("waits", slots_word(load.longest), "queue_room", load.queue_room),
                *("level", "" if load.level is None else load.level),
                *(() if load.room is None else ("room", load.room)),
                *(() if load.runtime_runs is None else ("runtime_runs", load.runtime_runs)),
            ),
            ("PEXPIRE", key, int(self._lease_s * LEASES_PER_LIFE * 1000)),
            ("SADD", known, self.process),
            ("EXEC",),
        )
        written, _, listed = told(await self._link.execute(*beat))[-1]
        damaged = [place for place, reply in ((key, written), (known, listed)) if is_damage(reply)]
        if damaged:
            told(await self._link.execute(("DEL", *damaged), *beat))
            for place in damaged:
                self._damage.removed(place)

    async def hear(self) -> None:
        """Finds out who else lives, and in which schema version all live processes can read what is written.

        Before the first beat it makes no difference to them that we are there: what we read is not asked.

        Raises:
            StoreUnavailable: Redis does not answer; what was known stays, and nobody is silent.
        """
        try:
            others, release = await self._others()
            shown = await self._shown(others)
        except StoreUnavailable:
            self.peers.forget_silence()
            raise
        # What is neither there nor a version is damage: no process that lives wrote it.
        self._schema.hear(int(fields[0]) for fields in shown.values())
        self.peers.hear((_peer(process, fields) for process, fields in shown.items()), trio.current_time())
        self.release.hear(release, self._willing())
        await self._forget([process for process in others if process not in shown])

    def takers(self) -> list[Taker]:
        """The processes that take shards and that the release admits, this one included if it is one of them."""
        return self.release.admitted(self._willing())

    def _willing(self) -> list[Taker]:
        """The processes that take shards, this one included if it does."""
        takers, facts = self.peers.takers(), self.facts
        if facts.takes:
            takers.append(Taker(self.process, facts.weight, Channel(facts.channel), facts.version))
        return takers

    async def _shown(self, others: Sequence[ProcessId]) -> dict[ProcessId, list[bytes]]:
        """What the heartbeats of the others show, those that are gone or damaged left out."""
        asked: list[Command] = []
        for process in others:
            key = self._keys.process(process)
            asked += [("HMGET", key, *_SHOWN), ("PTTL", key)]
        replies = await self._link.execute(*asked) if asked else []
        left = told(replies[1::2])
        return {
            process: [shown or b"" for shown in fields]
            for process, fields, left_ms in zip(others, replies[::2], left, strict=True)
            if self._lives(process, left_ms) and not is_damage(fields) and _is_version(told([fields])[0][0])
        }

    async def _others(self) -> tuple[list[ProcessId], Reply]:
        """The other processes that have shown a heartbeat, and what says of the release.

        A set that is none is deleted: the next beats make it anew.
        """
        known = self._keys.processes()
        members, release = await self._link.partly(("SMEMBERS", known), ("GET", self.release.key))
        if is_damage(members):
            told(await self._link.execute(("DEL", known)))
            self._damage.removed(known)
            return [], release
        foreign = [member for member in told([members])[0] if _PROCESS.fullmatch(member) is None]
        if foreign:
            await self._forget(foreign)
            self._damage.removed(known, len(foreign))
        processes = {ProcessId(member.decode()) for member in set(members).difference(foreign)}
        return sorted(processes - {self.process}), release

    async def _forget(self, members: Sequence[ProcessId | bytes]) -> None:
        """Takes members out of the set of processes, some at a time: there may be very many."""
        for first in range(0, len(members), _AT_ONCE):
            some = members[first : first + _AT_ONCE]
            told(await self._link.execute(("SREM", self._keys.processes(), *some)))

    def _lives(self, process: ProcessId, left_ms: int) -> bool:
        """Whether a heartbeat is one, by what is left of its life. Without expiry it is damage: no process wrote it."""
        if left_ms == _WITHOUT_EXPIRY:
            self._damage.left(self._keys.process(process))
        return left_ms > 0

    async def keep(self) -> None:
        """Beats for ever; silent while Redis is away."""
        while True:
            try:
                await self.beat()
            except StoreUnavailable as fault:
                word = unwilling(fault)
                if word is not None:
                    self._willingness.refused("heartbeat", word)
                await self._link.wait_up()
            else:
                self._willingness.taken("heartbeat")
            await trio.sleep(self._lease_s / _BEATS_PER_LEASE)

    async def stop(self) -> None:
        """Removes the heartbeat: whatever this process left open may be taken over at once.

        Raises:
            StoreUnavailable: Redis does not answer; the heartbeat runs out by itself.
        """
        if self._begun:
            told(
                await self._link.execute(
                    ("DEL", self._keys.process(self.process)), ("SREM", self._keys.processes(), self.process)
                )
            )

    async def alive(self, process: ProcessId) -> bool:
        """Whether that process has a heartbeat.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return process in await self.alive_among([process])

    async def is_gone(self, process: ProcessId) -> bool:
        """Whether that process lives no more: its heartbeat is not there, or has said nothing new for a whole lease.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        return self.peers.is_silent(process) or not await self.alive(process)

    async def alive_among(self, processes: Iterable[ProcessId]) -> frozenset[ProcessId]:
        """Those that have a heartbeat, in one round trip.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        asked = list(dict.fromkeys(processes))
        replies = told(
            await self._link.execute(*(("EXISTS", self._keys.process(process)) for process in asked))
        )
        return frozenset(process for process, exists in zip(asked, replies, strict=True) if exists)


def _is_version(reply: Reply) -> bool:
    """Whether a heartbeat's field is a schema version."""
    return isinstance(reply, bytes) and _VERSION.fullmatch(reply) is not None


def _peer(process: ProcessId, fields: Sequence[bytes]) -> Peer:
    """What a heartbeat's fields say. A field that another version wrote differently says nothing."""
    _, beat, held, takes, weight, nonce, role, room, channel, version, *shares = fields
    callers, waits, level, queue_room = shares
    return Peer(
        process=process,
        mark=(beat, held) if beat else None,
        takes=takes == b"1" if takes else role in _WITH_WORKER,
        weight=int(weight) if _WEIGHT.fullmatch(weight) else 0,
        holder=f"{process}:{nonce.decode()}" if _PROCESS.fullmatch(nonce) else None,
        room=int(room) if _ROOM.fullmatch(room) else None,
        channel=Channel.CANARY if channel == Channel.CANARY.encode() else Channel.STABLE,
        version=version.decode(errors="replace"),
        slots=read_slots(callers),
        waits=read_slots(waits),
        level=int(level) if _ROOM.fullmatch(level) else None,
        queue_room=int(queue_room) if _ROOM.fullmatch(queue_room) else 0,
    )
