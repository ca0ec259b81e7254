"""The look-up of sessions in Redis: what commits write, what resolution reads, and what a resolution costs."""

from collections.abc import Awaitable, Callable

import pytest
import store_parts as parts
import trio
from attrs import evolve
from histories import answer, user
from redis_server import RedisServer
from stored_conversations import conversations

from mix2api.errors import StoreUnavailable
from mix2api.events.log import Outcome
from mix2api.sessions.resolution import UnreadableIndex
from mix2api.store.redis.link import Command, Reply
from mix2api.store.redis.location import Timeouts
from mix2api.store.redis.server_link import ServerLink
from mix2api.store.session_index import RedisSessionIndex
from mix2api.store.store import Store
from mix2api.vocabulary import Digest, SessionId

AT, OTHER_AT, NAME = (Digest(letter * 32) for letter in "abc")


async def ended(store: Store, *waits_at: Digest, session: SessionId | None = None) -> SessionId:
    """A session whose run ended, and that waits there now."""
    session, run = session or parts.new_session(), parts.new_run()
    await store.log.submit(parts.opening_append(session, run)).wait()
    closing = parts.closing_append(session, run, 2, waits_at=waits_at)
    assert await store.log.submit(closing).wait() is Outcome.APPENDED
    return session


async def test_a_session_waits_at_each_of_its_digests_until_it_is_taken(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        index = talk.store.sessions
        session = await ended(talk.store, AT, OTHER_AT)
        assert await index.take(AT) == (AT, session)
        assert await index.take(AT) is None
        assert await index.take(OTHER_AT) == (OTHER_AT, session)


async def test_the_session_that_came_last_is_taken_first_and_at_most_eight_wait(
    redis_server: RedisServer,
) -> None:
    async with conversations(redis_server.url) as talk:
        sessions = [await ended(talk.store, AT) for _ in range(10)]
        taken = [await talk.store.sessions.take(AT) for _ in range(9)]
        assert taken == [*((AT, session) for session in reversed(sessions[2:])), None]


async def test_of_several_places_the_first_where_one_waits_is_taken_from(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        index = talk.store.sessions
        nowhere = Digest("e" * 32)
        first, other = await ended(talk.store, AT), await ended(talk.store, OTHER_AT)
        assert await index.take(nowhere, AT, OTHER_AT) == (AT, first)
        assert await index.take(nowhere, AT, OTHER_AT) == (OTHER_AT, other), "it was left there"
        assert await index.take(nowhere, AT, OTHER_AT) is None


async def test_a_session_that_comes_back_stands_there_once(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        session = await ended(talk.store, AT)
        await ended(talk.store, AT, session=session)
        assert await talk.store.sessions.take(AT) == (AT, session)
        assert await talk.store.sessions.take(AT) is None


async def test_waiting_ends_by_itself(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, waiting_s=100) as store:
        await store.leases.acquire([parts.SHARD])
        await ended(store, AT)
        await store.sessions.claim(NAME, parts.new_session())
        for key in (store.keys.lineage(AT), store.keys.name(NAME)):
            left_ms = redis_server.command("PTTL", key)
            assert isinstance(left_ms, int)
            assert 90_000 < left_ms <= 100_000


async def test_a_name_is_the_first_claimer_s(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        index = talk.store.sessions
        mine, yours = parts.new_session(), parts.new_session()
        assert await index.claim(NAME, mine) == mine
        assert await index.claim(NAME, yours) == mine


async def test_of_many_claims_at_once_one_wins(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk, parts.running_store(redis_server.url) as other:
        won: list[SessionId] = []

        async def claim(store: Store) -> None:
            won.append(await store.sessions.claim(NAME, parts.new_session()))

        async with trio.open_nursery() as nursery:
            for store in (talk.store, other) * 10:
                nursery.start_soon(claim, store)
        assert len(won) == 20
        assert len(set(won)) == 1


async def test_of_many_takes_at_once_one_gets_the_session(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk, parts.running_store(redis_server.url) as other:
        session = await ended(talk.store, AT)
        taken: list[tuple[Digest, SessionId] | None] = []

        async def take(store: Store) -> None:
            taken.append(await store.sessions.take(AT))

        async with trio.open_nursery() as nursery:
            for store in (talk.store, other) * 10:
                nursery.start_soon(take, store)
        assert taken.count((AT, session)) == 1
        assert taken.count(None) == 19


async def test_what_is_damaged_is_told_once_and_gone(redis_server: RedisServer) -> None:
    async with conversations(redis_server.url) as talk:
        index, keys = talk.store.sessions, talk.store.keys
        session = parts.new_session()
        redis_server.command("SET", keys.lineage(AT), "a string")
        redis_server.command("RPUSH", keys.lineage(OTHER_AT), session, "no session")
        redis_server.command("SET", keys.name(NAME), "no session")
        for look_up in (
            lambda: index.take(AT),
            lambda: index.take(OTHER_AT),
            lambda: index.claim(NAME, session),
        ):
            with pytest.raises(UnreadableIndex):
                await look_up()
        assert await index.take(AT) is None
        assert await index.take(OTHER_AT) == (OTHER_AT, session)
        assert await index.claim(NAME, session) == session


@pytest.mark.parametrize("damage", [("SET", "a string"), ("RPUSH", "no session")])
@pytest.mark.parametrize("damaged_first", [True, False])
async def test_damage_at_one_place_costs_no_session_that_waits_at_another(
    redis_server: RedisServer, damage: tuple[str, str], *, damaged_first: bool
) -> None:
    async with conversations(redis_server.url) as talk:
        index, keys = talk.store.sessions, talk.store.keys
        session = await ended(talk.store, AT)
        command, word = damage
        redis_server.command(command, keys.lineage(OTHER_AT), word)
        places = (OTHER_AT, AT) if damaged_first else (AT, OTHER_AT)
        assert await index.take(*places) == (AT, session)
        assert talk.store.damage.total == 1
        redis_server.command("SET", keys.lineage(AT), "a string")
        await index.put_back(AT, session)
        assert await index.take(*places) == (AT, session)


async def test_the_index_says_when_redis_is_away() -> None:
    async with parts.running_store("unix:///nowhere/redis.sock") as store:
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.sessions.take(AT),
            lambda: store.sessions.claim(NAME, parts.new_session()),
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call()


class CountedLink(ServerLink):
    """Counts its round trips, and the commands in them."""

    trips = 0
    commands = 0

    async def execute(self, *commands: Command) -> list[Reply]:
        self.trips += 1
        self.commands += len(commands)
        return await super().execute(*commands)


@pytest.mark.parametrize(
    ("opening", "session", "commands"),
    [
        (False, None, 1),
        (False, "mine", 2),
        (False, "new", 0),
        (True, None, 0),
        (True, "mine", 2),
    ],
)
async def test_a_resolution_costs_one_round_trip_at_most(
    redis_server: RedisServer, *, opening: bool, session: str | None, commands: int
) -> None:
    history = [user()] if opening else [user(), answer(), user("more")]
    async with conversations(redis_server.url) as talk:
        store = talk.store
        link = CountedLink(store.location, Timeouts(), "counted")
        index = RedisSessionIndex(link=link, keys=store.keys, waiting_s=100, issued=parts.MINT.issued)
        talk.store = evolve(store, sessions=index)
        await talk.submission(*history, session=session)
        assert (link.trips, link.commands) == (min(1, commands), commands)
        await link.aclose()
