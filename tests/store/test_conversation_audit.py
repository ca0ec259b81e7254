"""Which conversations an audit takes in, and what it finds wrong with them."""

from typing import Any

from attrs import define
from kept_conversations import CONVERSATION, SHARDS, begin, keys_of, opened, plan, say, tell
from redis_server import RedisServer
from stored_runs import stored

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.states import Reason
from mix2api.store.conversation_audit import audit_conversations
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.store import Store

STOP = StopTurn(at_ms=9, why=Reason.CANCELLED)


async def audited(store: Store, since_ms: int = 0) -> dict[str, Any]:
    index = store.conversation_index(0)
    return (await audit_conversations(opened(store), index, SHARDS, since_ms)).report()


async def test_what_is_open_or_has_changed_since_a_moment_is_counted(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        await begin(conversations)
        await say(conversations)
        await plan(conversations, 1)
        assert (await audited(store, since_ms=1000))["turns"] == {"EXECUTING": 1}
        await tell(conversations, 1, STOP)
        report = await audited(store, since_ms=9)
        assert (report["turns"], report["plans"], report["tasks"]) == (
            {"CANCELLED": 1},
            {"CANCELLED": 1},
            {"SKIPPED": 1},
        )
        assert (report["answers"], report["wrong"]) == (1, 0)
        assert (await audited(store, since_ms=10))["conversations"] == 0


async def test_a_conversation_that_has_expired_is_not_wrong(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await begin(opened(store))
        redis_server.command("DEL", *keys_of(store).values())
        report = await audited(store)
        assert (report["conversations"], report["wrong"]) == (0, 0)


@define
class BusyLink:
    """A link at which a turn is cancelled just after the log was read for the first time."""

    link: RedisLink
    store: Store
    is_done: bool = False

    async def execute(self, *commands: Command) -> list[Reply]:
        replies = await self.link.execute(*commands)
        if commands[0][0] == "XRANGE" and not self.is_done:
            self.is_done = True
            await tell(opened(self.store), 1, STOP)
        return replies


async def test_a_turn_that_ends_while_it_is_read_is_read_once_more(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await begin(opened(store))
        await say(opened(store))
        conversations: Any = opened(store)
        conversations._link = BusyLink(store.links[0], store)
        report = (await audit_conversations(conversations, store.conversation_index(0), SHARDS)).report()
        assert (report["turns"], report["wrong"]) == ({"CANCELLED": 1}, 0)


async def test_a_turn_that_has_ended_without_a_message_is_wrong(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await begin(opened(store))
        await say(opened(store))
        await tell(opened(store), 1, STOP)
        redis_server.command("HDEL", keys_of(store)["content"], "answer:1")
        assert CONVERSATION in (await audited(store))["wrongConversations"]
