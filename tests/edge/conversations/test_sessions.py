"""The list of a user's sessions: what there is not any more leaves it, and what is being created stays in it."""

from kept_conversations import SHARDS
from redis_server import RedisServer
from stored_runs import stored

from mix2api.clock import SystemClock
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked
from mix2api.edge.conversations.sessions import SessionRoutes
from mix2api.identity import Mint
from mix2api.settings.choices import Busy
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import ObjectFields

CALLER = Digest("0badcafe" * 4)
FRESH, OLD = Digest("a" * 32), Digest("b" * 32)


async def stir(_: Digest) -> None:
    """Nobody runs turns here."""


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
        asked = Asked(caller=CALLER, request_id="r", path={}, query={"userId": "u"}, body=ObjectFields({}))
        answer = await routes.listing(asked)
        assert isinstance(answer, Answer)
        assert answer.data == {"sessions": [], "nextCursor": None}
        assert await index.of_user(user, 9) == [(now_ms, FRESH)]
