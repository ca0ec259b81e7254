"""Conversations in Redis: a change is whole or none, content is sealed, damage gives way to what the log says."""

import msgspec
import pytest
import trio
from damages import WHOLE, put
from kept_conversations import CONVERSATION, DAY_MS, begin, keys_of, opened, plan, say, tell
from redis_server import RedisServer
from stored_runs import stored

from mix2api.conversations.commands import (
    StopTurn,
)
from mix2api.conversations.content import SESSION, SessionWords, turn_field
from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import Reason, TurnStage
from mix2api.store.conversation_scripts import REBUILD
from mix2api.store.scripts import run_scripts
from mix2api.vocabulary import Digest


async def test_what_was_changed_is_found_in_one_look(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        assert (await conversations.look(CONVERSATION)).session.version == 0
        await begin(conversations)
        assert await say(conversations, "m1") == 1
        after = await plan(conversations, 1)
        looked = await conversations.look(CONVERSATION, [1, 2], [SESSION, turn_field(1), "none"], (-9, -1))
        assert (looked.session, looked.turns) == (after.session, after.turns)
        assert (set(looked.content), looked.plans) == ({SESSION, turn_field(1)}, (1,))
        assert await conversations.turn_of_message(CONVERSATION, Digest("m1")) == 1
        assert await conversations.turn_of_message(CONVERSATION, Digest("m2")) is None
        events = await conversations.events(CONVERSATION)
        assert [type(event).__name__ for _, event in events][:2] == ["SessionCreated", "TurnCreated"]
        assert await conversations.turn_start(CONVERSATION, 1) == events[0][0]
        assert await conversations.turn_start(CONVERSATION, 2) is None


async def test_messages_that_come_at_once_get_numbers_of_their_own(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        await begin(conversations)
        numbers: list[int] = []

        async def message() -> None:
            numbers.append(await say(conversations))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(message)
        looked = await conversations.look(CONVERSATION)
        assert (looked.session.turns, looked.session.open) == (20, tuple(range(1, 21)))
        assert len(await conversations.events(CONVERSATION)) == 21


async def test_whoever_waits_hears_of_a_change(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        bell = conversations.bell(CONVERSATION)
        assert conversations.bell(CONVERSATION) is bell
        await begin(conversations)
        assert bell.is_set()
        conversations.ring(CONVERSATION)


async def test_content_rests_sealed_and_nothing_of_it_stands_elsewhere(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        await begin(conversations)
        await say(conversations)
        for name in redis_server.command("KEYS", "*"):  # type: ignore[union-attr]
            dump = redis_server.command("DUMP", name)
            assert b"planted" not in dump + name  # type: ignore[operator]
        content = keys_of(store)["content"]
        sealed = redis_server.command("HGET", content, SESSION)
        redis_server.command("HSET", content, turn_field(1), sealed)  # moved to another place
        looked = await conversations.look(CONVERSATION, fields=[SESSION, turn_field(1)])
        words = msgspec.json.decode(looked.content[SESSION], type=SessionWords)
        assert (words.user_id, set(looked.content)) == ("planted", {SESSION})
        assert store.damage.total == 1


@pytest.mark.parametrize("life_ms", [0, DAY_MS])
async def test_a_conversation_rests_as_long_as_the_setting_says(
    redis_server: RedisServer, life_ms: int
) -> None:
    async with stored(redis_server.url) as store:
        await begin(opened(store, DAY_MS - 1000 if life_ms == 0 else 0))
        conversations = opened(store, life_ms)
        await say(conversations)
        await plan(conversations, 1)
        for name in keys_of(store).values():
            left_ms = redis_server.command("PTTL", name)
            assert isinstance(left_ms, int)
            assert (left_ms == -1) if life_ms == 0 else (0 < left_ms <= life_ms)
        index = store.conversation_index(life_ms)
        await index.note(Digest("u"), CONVERSATION, 1)
        assert redis_server.command("PTTL", store.keys.user_conversations(Digest("u"))) == (
            -1 if life_ms == 0 else pytest.approx(life_ms, abs=60_000)
        )


async def test_a_deleted_conversation_leaves_no_key(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations, index = opened(store), store.conversation_index(0)
        await begin(conversations)
        await say(conversations)
        await plan(conversations, 1)
        await tell(conversations, 1, StopTurn(at_ms=9, why=Reason.DELETED))
        assert await index.of_shard(conversations.shard(CONVERSATION)) == [CONVERSATION]
        assert await conversations.delete(CONVERSATION)
        assert not await conversations.delete(CONVERSATION)
        assert redis_server.command("KEYS", "*convers*") == []
        assert (await tell(conversations, 1, StopTurn(at_ms=9, why=Reason.STALLED))).session.version == 0


@pytest.mark.parametrize("damage", [*WHOLE, "gone"])
@pytest.mark.parametrize("part", ["states", "plans"])
async def test_damaged_states_are_made_anew_of_the_log(
    redis_server: RedisServer, part: str, damage: str
) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        await begin(conversations)
        await say(conversations, "m1")
        before = await plan(conversations, 1)
        start = await conversations.turn_start(CONVERSATION, 1)
        key = keys_of(store)[part]
        redis_server.command("DEL", key)
        if damage != "gone":
            put(redis_server, key, WHOLE[damage])
        looked = await conversations.look(CONVERSATION, [1], plans=(-9, -1))
        assert (looked.session, looked.turns, looked.plans) == (before.session, before.turns, (1,))
        assert await conversations.turn_of_message(CONVERSATION, Digest("m1")) == 1
        assert await conversations.turn_start(CONVERSATION, 1) == start
        assert await say(conversations) == 2
        assert store.damage.total


async def test_a_state_that_cannot_be_read_is_made_anew_and_a_change_goes_on(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        await begin(conversations)
        await say(conversations)
        states = keys_of(store)["states"]
        for field, value in (("session", b"x"), ("turn:1", b"1 {"), ("turn:1", b"\xff")):
            redis_server.command("HSET", states, field, value)
            assert (await conversations.look(CONVERSATION, [1])).turns[1].stage is TurnStage.CREATED
        after = await plan(conversations, 1)
        assert after.turns[1].stage is TurnStage.EXECUTING


async def test_states_that_are_made_anew_expire_with_their_log(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations, keys = opened(store, DAY_MS), keys_of(store)
        await begin(conversations)
        await say(conversations)
        await plan(conversations, 1)
        redis_server.command("DEL", keys["states"], keys["plans"])
        await conversations.look(CONVERSATION)
        for part in ("states", "plans"):
            assert 0 < redis_server.command("PTTL", keys[part]) <= DAY_MS


async def test_states_are_not_made_anew_of_a_log_that_has_grown_meanwhile(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        conversations, keys = opened(store), keys_of(store)
        await begin(conversations)
        seen, _ = (await conversations.events(CONVERSATION))[-1]
        await say(conversations)
        before = await conversations.look(CONVERSATION, [1])
        places = [keys[part] for part in ("log", "states", "plans")]
        calls = [REBUILD.call(places, [last, 1, "session", b"older", 7]) for last in (seen, "")]
        assert await run_scripts(store.links[0], calls) == [b"changed", b"changed"]
        after = await conversations.look(CONVERSATION, [1])
        assert (after.session, after.turns) == (before.session, before.turns)
        assert store.damage.total == 0


@pytest.mark.parametrize("damage", WHOLE)
async def test_a_log_that_is_damaged_hurts_once_states_are_gone_and_content_costs_itself(
    redis_server: RedisServer, damage: str
) -> None:
    async with stored(redis_server.url) as store:
        conversations = opened(store)
        await begin(conversations)
        keys = keys_of(store)
        put(redis_server, keys["content"], WHOLE[damage])
        assert (await conversations.look(CONVERSATION, fields=[SESSION])).content == {}
        assert await say(conversations) == 1
        assert set((await conversations.look(CONVERSATION, fields=[turn_field(1)])).content) == {
            turn_field(1)
        }
        if damage == "nothing":
            return
        redis_server.command("DEL", keys["states"])
        put(redis_server, keys["log"], WHOLE[damage])
        with pytest.raises(UnreadableConversation):
            await conversations.look(CONVERSATION)


@pytest.mark.parametrize("damage", WHOLE)
async def test_lists_of_conversations_and_of_open_turns_give_way_to_damage(
    redis_server: RedisServer, damage: str
) -> None:
    async with stored(redis_server.url) as store:
        conversations, index = opened(store), store.conversation_index(0)
        shard = conversations.shard(CONVERSATION)
        put(redis_server, store.keys.conversing(shard), WHOLE[damage])
        put(redis_server, store.keys.conversations(shard), WHOLE[damage])
        put(redis_server, store.keys.user_conversations(Digest("u")), WHOLE[damage])
        assert await index.of_user(Digest("u"), 5) == []
        assert await index.of_shard(shard) == []
        await index.note(Digest("u"), CONVERSATION, 1)
        await begin(conversations)
        await say(conversations)
        assert await index.of_user(Digest("u"), 5) == [(1, CONVERSATION)]
        assert await index.of_shard(shard) == [CONVERSATION]
        assert await index.open_turns([shard]) == ([TurnRef(CONVERSATION, 1)], [])
        put(redis_server, store.keys.conversing(shard), WHOLE[damage])
        turns, damaged = await index.open_turns([shard])
        assert turns == []
        assert (damaged == [shard]) == (damage not in {"nothing", "a hash"})
        await say(conversations)
        turns, _ = await index.open_turns([shard])
        assert sorted(turn.number for turn in turns) == [1, 2]
