"""That a process lives, and what it is: a hash that expires unless it is written again."""

import socket
from collections.abc import Iterable
from typing import Final

import trio
from attrs import define, evolve, field, frozen
from redis.exceptions import ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.link import RedisLink
from mix2api.store.log import is_damage, told
from mix2api.store.options import StoreOptions
from mix2api.store.schema import WrittenSchema
from mix2api.store.willingness import Willingness, unwilling
from mix2api.vocabulary import ProcessId

_BEATS_PER_LEASE: Final = 3
_LEASES_PER_LIFE: Final = 2
"""The heartbeat outlasts the lease, so that a run is never seized from a process whose lease still stands."""


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

    @classmethod
    def of(cls, options: StoreOptions, seal: Seal, schema_read: int) -> "ProcessFacts":
        """Of this process, before it has heard of others."""
        return cls(
            host=seal.digest(socket.gethostname(), "host"),
            version=options.version,
            schema_read=schema_read,
            schema_written=schema_read,
            channel=options.channel.value,
            weight=options.weight,
            role=options.role,
        )


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
    """

    _link: RedisLink
    _keys: Keys
    process: ProcessId
    facts: ProcessFacts
    _lease_s: float
    _schema: WrittenSchema = field(factory=WrittenSchema)
    _willingness: Willingness = field(factory=Willingness)
    _begun: bool = field(default=False, init=False)

    async def beat(self) -> None:
        """Writes the heartbeat, and hears what the others read.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        await self.hear()
        self._begun = True
        key = self._keys.process(self.process)
        facts = self.facts = evolve(self.facts, schema_written=self._schema.version)
        told(
            await self._link.execute(
                ("MULTI",),
                (
                    "HSET",
                    key,
                    *("host", facts.host, "version", facts.version, "role", facts.role),
                    *("schema_read", facts.schema_read, "schema_written", facts.schema_written),
                    *("channel", facts.channel, "weight", facts.weight),
                ),
                ("PEXPIRE", key, int(self._lease_s * _LEASES_PER_LIFE * 1000)),
                ("SADD", self._keys.processes(), self.process),
                ("EXEC",),
            )
        )

    async def hear(self) -> None:
        """Finds out in which schema version all live processes can read what is written.

        Before the first beat it makes no difference to them that we are there: what we read is not asked.

        Raises:
            StoreUnavailable: Redis does not answer; the version stays as it was.
        """
        others = await self._others()
        if not others:
            self._schema.hear(())
            return
        replies = await self._link.execute(
            *(("HGET", self._keys.process(process), "schema_read") for process in others)
        )
        # What is neither there nor a version is damage: no process that lives wrote it.
        read = [int(reply) if isinstance(reply, bytes) and reply.isdigit() else None for reply in replies]
        self._schema.hear(version for version in read if version is not None)
        gone = [process for process, version in zip(others, read, strict=True) if version is None]
        if gone:
            told(await self._link.execute(("SREM", self._keys.processes(), *gone)))

    async def _others(self) -> list[ProcessId]:
        """The other processes that have shown a heartbeat. A set that is none is deleted: the next beats make it anew."""
        known = self._keys.processes()
        (members,) = await self._link.execute(("SMEMBERS", known))
        if isinstance(members, ResponseError) and is_damage(members):
            told(await self._link.execute(("DEL", known)))
            return []
        processes = [ProcessId(member.decode("ascii", "replace")) for member in told([members])[0]]
        return [process for process in processes if process != self.process]

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

    async def facts_of(self, process: ProcessId) -> ProcessFacts | None:
        """What a process says of itself; None if it has no heartbeat.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        (flat,) = told(await self._link.execute(("HGETALL", self._keys.process(process))))
        if not flat:
            return None
        texts = [part.decode() for part in flat]
        fields = dict(zip(texts[::2], texts[1::2], strict=True))
        return ProcessFacts(
            host=fields["host"],
            version=fields["version"],
            schema_read=int(fields["schema_read"]),
            schema_written=int(fields["schema_written"]),
            channel=fields["channel"],
            weight=int(fields["weight"]),
            role=fields["role"],
        )
