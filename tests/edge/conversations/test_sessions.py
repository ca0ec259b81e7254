"""The list of a user's sessions: what there is not any more leaves it, and what is being created stays in it."""

from typing import Any

from kept_conversations import SHARDS, CountedLink
from redis_server import RedisServer
from stored_runs import stored

from mix2api.clock import SystemClock
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked
from mix2api.edge.conversations.sessions import SessionRoutes
from mix2api.identity import Mint
from mix2api.settings.choices import Busy
from mix2api.store.conversations import Conversations
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import ObjectFields

CALLER = Digest("0badcafe" * 4)
FRESH, OLD = Digest("a" * 32), Digest("b" * 32)


async def stir(_: Digest) -> None:
    """Nobody runs turns here."""


def asked_for(limit: int = 50) -> Asked:
    """The first page of a user's list."""
    query = {"userId": "u", "limit": str(limit)}
    return Asked(caller=CALLER, request_id="r", path={}, query=query, body=ObjectFields({}))


async def test_a_list_takes_one_round_trip_for_each_fifty_sessions_also_where_one_is_damaged(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        clock, link = SystemClock(), CountedLink(store.links[0])
        counted: Any = link
        conversations = Conversations(
            link=counted, keys=store.keys, seal=store.seal, damage=store.damage, shards=SHARDS
        )
        desk = Desk(
            store=conversations,
            index=store.conversation_index(0),
            seal=store.seal,
            clock=clock,
            busy=Busy.ENQUEUE,
            stir=stir,
        )
        routes = SessionRoutes(desk, Mint(store.seal, clock), store.workflows(SHARDS, 0))
        ids = [f"s{number}" for number in range(51)]
        for session_id in ids:
            body = ObjectFields({"userId": "u", "sessionId": session_id})
            await routes.create(Asked(caller=CALLER, request_id="r", path={}, query={}, body=body))
        listed: list[list[str]] = []
        trips: list[int] = []
        for limit in (50, 51):
            link.trips = 0
            answer = await routes.listing(asked_for(limit))
            assert isinstance(answer, Answer)
            listed.append([session["sessionId"] for session in answer.data["sessions"]])
            trips.append(link.trips)
        assert trips == [1, 2]
        assert sorted(listed[1]) == sorted(ids)
        assert listed[0] == listed[1][:50]
        damaged = desk.conversation(CALLER, "s7")
        _, states, *_ = store.keys.conversation(conversations.shard(damaged), damaged)
        redis_server.command("SET", states, "damage")
        answer = await routes.listing(asked_for(51))
        assert isinstance(answer, Answer)
        assert [session["sessionId"] for session in answer.data["sessions"]] == listed[1]
        assert answer.data["unreadable"] == []


async def test_a_list_names_the_sessions_that_cannot_be_read_and_shows_the_others(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        clock = SystemClock()
        desk = Desk(
            store=store.conversations(SHARDS, 0),
            index=store.conversation_index(0),
            seal=store.seal,
            clock=clock,
            busy=Busy.ENQUEUE,
            stir=stir,
        )
        routes = SessionRoutes(desk, Mint(store.seal, clock), store.workflows(SHARDS, 0))
        for session_id in ("whole", "no log", "no words", "nothing"):
            body = ObjectFields({"userId": "u", "sessionId": session_id.replace(" ", "-"), "title": "T"})
            await routes.create(Asked(caller=CALLER, request_id="r", path={}, query={}, body=body))
        for session_id in ("no-log", "no-words", "nothing"):
            key = desk.conversation(CALLER, session_id)
            log, states, content, _ = store.keys.conversation(desk.store.shard(key), key)
            spoiled = {"no-log": (log, states), "no-words": (content,), "nothing": (log, states, content)}
            for name in spoiled[session_id]:
                redis_server.command("SET", name, "damage")
        answer = await routes.listing(asked_for())
        assert isinstance(answer, Answer)
        assert [one["sessionId"] for one in answer.data["sessions"]] == ["whole"]
        named = {(one["sessionId"], one["title"]) for one in answer.data["unreadable"]}
        assert named == {("no-log", "T"), (None, None)}
        assert len(answer.data["unreadable"]) == 3
        await routes.delete(
            Asked(
                caller=CALLER,
                request_id="r",
                path={"sessionId": "no-log"},
                query={},
                body=ObjectFields({}),
            )
        )
        after = await routes.listing(asked_for())
        assert isinstance(after, Answer)
        assert "no-log" not in {one["sessionId"] for one in after.data["unreadable"]}


async def test_a_list_forgets_what_is_gone_and_keeps_what_is_being_created(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        clock = SystemClock()
        index, now_ms = store.conversation_index(0), clock.now_ms()
        desk = Desk(
            store=store.conversations(SHARDS, 0),
            index=index,
            seal=store.seal,
            clock=clock,
            busy=Busy.ENQUEUE,
            stir=stir,
        )
        routes = SessionRoutes(desk, Mint(store.seal, clock), store.workflows(SHARDS, 0))
        user = desk.user(CALLER, "u")
        await index.note(user, FRESH, now_ms)
        await index.note(user, OLD, now_ms - 3_600_000)
        answer = await routes.listing(asked_for())
        assert isinstance(answer, Answer)
        assert answer.data == {"sessions": [], "unreadable": [], "nextCursor": None}
        assert await index.of_user(user, 9) == [(now_ms, FRESH)]
