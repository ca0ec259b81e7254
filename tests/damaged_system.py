"""A whole system whose keys are damaged while it works: conversations that go on, and one stream beside them all."""

import io
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field
from damages import Damage, groups, put
from redis_server import RedisServer
from whole_system import SHARDS, WholeSystem, until
from wire_client import Answer, Conversation

from mix2api.cli.audit import AuditQuery, audit
from mix2api.cli.replay import ReplayQuery, replay
from mix2api.cli.retiring import retire_session
from mix2api.cli.sessions import SessionsQuery, list_sessions, show_session
from mix2api.clock import SystemClock
from mix2api.identity import shard_of
from mix2api.store.keys import Keys
from mix2api.vocabulary import ProcessId, SessionId, Shard

_BESIDE = "[[chunks:100000]] [[pace:50]]"
_DAY_MS = 86_400_000
CODES = {
    "audit": {0, 1},
    "list": {0},
    "show": {0, 1, 3},
    "replay": {0, 1, 3},
    "request": {0, 1, 3},
    "explain": {0, 3},
    "slo": {0, 1, 4},
}
"""The documented exit codes of each command."""
KEYS = Keys()


@define(eq=False)
class Talk:
    """One conversation. It goes on whatever happens to what is stored of it."""

    system: WholeSystem
    prompt: str
    session: SessionId = field(default=SessionId(""))
    request: str = ""
    resolution: str = ""
    name: str | None = None
    history: list[dict[str, str]] = field(factory=list)

    async def go_on(self) -> None:
        """The next turn, which must succeed."""
        self.history.append({"role": "user", "content": self.prompt})
        more = {} if self.name is None else {"session_id": self.name}
        messages = self.history if self.name is None else self.history[-1:]
        answer: Answer = await self.system.client.ask("", messages=messages, stream=True, **more)
        assert answer.status == 200, answer.body
        assert (answer.finish_reason(), answer.payloads()[-1]) == ("stop", "[DONE]"), answer.body
        self.history.append({"role": "assistant", "content": answer.text()})
        self.session = SessionId(answer.headers["x-session-id"])
        self.request = answer.headers["x-request-id"]
        self.resolution = answer.headers["x-mix2api-session"]

    @property
    def shard(self) -> Shard:
        return shard_of(self.session)


@define(eq=False)
class DamagedSystem:
    """The system, what does the damage, and what must not notice it."""

    system: WholeSystem
    redis: RedisServer
    beside: Conversation
    beside_shard: Shard
    processes: list[ProcessId]
    every: int = 1
    """Of each table only one damage in so many is done, another one for each kind of key: all were done in the end."""
    _turn: int = 0
    _talks: dict[Shard, Talk] = field(factory=dict)
    _count: int = 0

    async def damage_all(self, tables: Iterable[Callable[["DamagedSystem"], Any]]) -> None:
        """Goes through the kinds of keys; the stream beside must be whole all the time."""
        for table in tables:
            await table(self)
            await self.check_beside()

    async def check_beside(self) -> None:
        """The stream beside goes on: it brings something new."""
        seen = len(self.beside.body)
        await self.beside.read_until(lambda body: len(body) > seen)
        assert b'"error"' not in self.beside.body

    async def on_every_shard(self) -> list[Talk]:
        """A conversation on every shard, the next turn of each done."""
        await self._at_once(list(self._talks.values()))
        shards = {talk.shard: talk for talk in self._talks.values()}
        while len(shards) < self.shards:
            talk = await self.talk()
            shards.setdefault(talk.shard, talk)
        self._talks = shards
        return [shards[shard] for shard in sorted(shards)]

    @property
    def shards(self) -> int:
        return SHARDS

    async def talk(self, *, name: str | None = None) -> Talk:
        """A new conversation, its first turn done."""
        self._count += 1
        talk = Talk(self.system, f"prompt {self._count}", name=name)
        await talk.go_on()
        return talk

    def some_of(self, table: dict[str, Damage]) -> dict[str, Damage]:
        """This kind of key's share of a table."""
        self._turn += 1
        return {
            name: damage
            for place, (name, damage) in enumerate(table.items())
            if (place + self._turn) % self.every == 0
        }

    async def damage_shards(
        self, key_of: Callable[[Shard], str], table: dict[str, Damage], *, beside: bool = True
    ) -> None:
        """Damages that key of every shard, a different damage in each, until all were done.

        Args:
            key_of: the key's name.
            table: what is done.
            beside: whether the stream's shard is hit too.
        """
        await self.on_every_shard()
        shards = [Shard(number) for number in range(self.shards) if beside or number != self.beside_shard]
        for group in groups(self.some_of(table), len(shards)):
            hit = dict(zip(shards, group.values(), strict=False))
            for shard, damage in hit.items():
                put(self.redis, key_of(shard), damage)
            await self.use((await self.on_every_shard())[:2])
            for shard in hit:
                await self.until_healed(key_of(shard))

    async def damage_talks(self, key_of: Callable[[Talk], str], table: dict[str, Damage]) -> None:
        """Damages a key of a conversation's own, a different damage in each conversation."""
        table = self.some_of(table)
        talks = [await self.talk() for _ in table]
        for talk, damage in zip(talks, table.values(), strict=True):
            put(self.redis, key_of(talk), damage)
        await self.use(talks)
        await self._at_once(talks)
        await self.use(talks[:1])

    async def damage_keys(self, pattern: str, table: dict[str, Damage], *, name: str | None = None) -> None:
        """Damages the keys of a pattern that a conversation led to, a different damage for each conversation."""
        table = self.some_of(table)
        talks: list[tuple[Talk, set[str]]] = []
        known = set(self._keys(pattern))
        for place, _ in enumerate(table):
            talk = await self.talk(name=name and f"{name}-{place}")
            now = set(self._keys(pattern))
            talks.append((talk, now - known))
            known = now
        for (_, keys), damage in zip(talks, table.values(), strict=True):
            assert keys, pattern
            for key in keys:
                put(self.redis, key, damage)
        await self.use([talk for talk, _ in talks])
        await self._at_once([talk for talk, _ in talks])

    async def use(self, talks: list[Talk]) -> None:
        """Runs every command over the store as it is."""
        store, clock = self.system.store, SystemClock()
        query = SessionsQuery(window_ms=_DAY_MS)
        codes = {
            "audit": {await audit(store, AuditQuery(window_ms=_DAY_MS), io.StringIO())},
            "list": {await list_sessions(store, query, io.StringIO(), clock)},
            "show": {await show_session(store, talk.session, query, io.StringIO(), clock) for talk in talks},
            "replay": {
                await replay(store, ReplayQuery(word=talk.session), io.StringIO(), clock) for talk in talks
            },
            "request": {
                await replay(store, ReplayQuery(word=talk.request), io.StringIO(), clock) for talk in talks
            },
        }
        for command, given in codes.items():
            assert given <= CODES[command], (command, given)

    async def retire(self, talk: Talk) -> None:
        assert await retire_session(self.system.store, talk.session, io.StringIO(), SystemClock()) in {
            0,
            1,
            3,
        }

    async def until_healed(self, key: str) -> None:
        """Waits until the owner has removed what its kind of key has an owner for; removes the rest itself."""
        kind = key.rpartition(":")[2]
        if kind == "open":
            await until(lambda: self.holds(lambda: self._is_sound_open(key)))
        elif kind == "lease":
            await until(lambda: self.holds(lambda: self._is_sound_lease(key)))
        else:
            self.redis.command("DEL", key)

    def _is_sound_open(self, key: str) -> bool:
        if self.redis.command("TYPE", key) not in {b"hash", b"none"}:
            return False
        values = self.redis.command("HVALS", key)
        return all(value.count(b" ses_") == 1 and value[:1].isdigit() for value in values)  # type: ignore[attr-defined]

    def _is_sound_lease(self, key: str) -> bool:
        token = self.redis.command("GET", key)
        return isinstance(token, bytes) and token.startswith(tuple(each.encode() for each in self.processes))

    @staticmethod
    async def holds(check: Callable[[], bool]) -> bool:
        """The check as `until` asks it."""
        return check()

    def _keys(self, pattern: str) -> list[str]:
        found = self.redis.command("KEYS", pattern)
        return [key.decode() for key in found]  # type: ignore[attr-defined]

    @staticmethod
    async def _at_once(talks: list[Talk]) -> None:
        async with trio.open_nursery() as nursery:
            for talk in talks:
                nursery.start_soon(talk.go_on)


@asynccontextmanager
async def damaged_system(
    system: WholeSystem, redis: RedisServer, processes: list[ProcessId], *, every: int = 1
) -> AsyncIterator[DamagedSystem]:
    """The system with a stream under way, which must outlive all damage."""
    async with system.client.asking(_BESIDE, stream=True) as beside:
        head = await beside.head()
        headers = {name.decode(): value.decode() for name, value in head.headers}
        session = SessionId(headers["x-session-id"])
        yield DamagedSystem(system, redis, beside, shard_of(session), processes, every)
