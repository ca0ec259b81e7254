"""Conversations in the console: who sees which, what a page shows of one, and that its words are text."""

import re
from typing import Any, cast

import pytest
import trio
import trio.testing
from attrs import frozen
from redis_server import RedisServer
from shown_console import parts_of, watching, words_of
from stored_runs import stored
from talked_conversations import KEYS, csrf_of, looking, signed_in, talk

from mix2api.clock import SystemClock
from mix2api.console.catalogue import Language
from mix2api.console.conversation import CHARS, PLANS, TURNS, ConversationAsked, ConversationPage
from mix2api.console.conversations import ROWS
from mix2api.console.tokens import Role
from mix2api.conversations.commands import StopTurn
from mix2api.conversations.states import Reason
from mix2api.identity import caller_of
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked
from mix2api.store.store import Store
from mix2api.vocabulary import Digest

SCRIPT = "<script>alert(1)</script>"


async def test_a_user_finds_a_conversation_and_reads_it(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"], "About whales")
        await talked.plan(await talked.say("Do whales sleep?"))
        await talked.claim(1, 0)
        led = await ann.get("/")
        listed = await ann.page("/conversations?user=u1")
        page = await ann.page(talked.path)
        task = await ann.page(f"{talked.path}&plan=1&task=0")
        chinese = words_of(await ann.page(talked.path, accept_language="zh"))
        whole = words_of(page)
    assert led.headers["location"] == "/conversations"
    assert f'href="{talked.path}"' in listed
    assert "About whales 1 1" in words_of(listed)
    assert "Do whales sleep?" in whole
    assert "This turn ran on a draft" in whole
    assert "0 of 3 tasks done" in whole
    assert "write WORKER assistant running 1 0/2" in whole
    assert "write WORKER assistant 运行中 1 0/2" in chinese
    assert "1: 执行中" in chinese
    assert '<svg class="graph"' in page
    assert "1 RUNNING a-model - - req_1" in words_of(task)


async def test_another_key_s_conversation_is_not_there(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (seen, _):
        talked = await talk(store, KEYS["ann"], "About whales")
        await talked.plan(await talked.say("Do whales sleep?"))
        bob = await signed_in(seen, "bob")
        for path in (talked.path, f"{talked.path}&plan=1", talked.path.replace("?", "/live?")):
            answer = await bob.get(path)
            assert answer.status_code == 404, path
            assert "whales" not in await answer.get_data(as_text=True)
        listed = words_of(await bob.page("/conversations?user=u1"))
    assert "has no conversations of this user" in listed


async def test_a_user_sees_nothing_else_and_an_admin_no_conversation(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (seen, ann):
        talked = await talk(store, KEYS["ann"])
        of_admins = ("/runs", "/run?id=x", "/session", "/processes", "/accounts", "/models", "/settings")
        theirs = [(await ann.get(path)).status_code for path in (*of_admins, "/live/overview")]
        change = await ann.post("/session/retire", {"csrf": await csrf_of(ann), "session": "x"})
        operator = seen.another()
        await operator.sign_in(Role.OPERATE)
        admins = [
            (await visitor.get(path)).status_code
            for visitor in (seen.visitor, operator)
            for path in ("/conversations?user=u1", talked.path, talked.path.replace("?", "/live?"))
        ]
        stranger = (await seen.another().get(talked.path)).status_code
    assert set(theirs) == {404}
    assert (change.status_code, stranger) == (403, 401)
    assert set(admins) == {403}


async def test_a_script_in_a_title_a_message_or_a_name_is_text(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"], SCRIPT)
        await talked.plan(await talked.say(SCRIPT), [SCRIPT, SCRIPT, SCRIPT])
        paths = ("/conversations?user=u1", f"{talked.path}&plan=1&task=1")
        pages = [await ann.page(path) for path in paths]
        asked = await ann.page("/conversations?user=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert all("&lt;script&gt;" in page for page in (*pages, asked))
    assert not any("<script>alert" in page for page in (*pages, asked))
    for page in pages:
        assert "style=" not in page
        assert re.search(r"\son\w+=", page) is None


async def test_turns_come_in_pages_and_a_long_message_says_how_much_is_left_out(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        for number in range(TURNS + 1):
            await talked.say(f"message {number + 1}." + "x" * CHARS * (number == 0))
        newest = await ann.page(talked.path)
        older = re.search(r'rel="next" href="([^"]*)"', newest)
        assert older is not None
        oldest = words_of(await ann.page(older[1].replace("&amp;", "&")))
    assert "message 2." in newest
    assert "message 1." not in newest
    assert "message 1." in oldest
    assert "10 more characters" in oldest


async def test_an_earlier_plan_is_picked(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        for number in range(PLANS + 2):
            await talked.plan(await talked.say("hello"))
            if number == 0:
                alone = words_of(await ann.page(talked.path))
            await talked.tell(number + 1, StopTurn(at_ms=9, why=Reason.CANCELLED))
        page = await ann.page(talked.path)
        links = re.findall(r'<a href="([^"]*)#plan"(?: aria-current="true")?>turn (\d+)</a>', page)
        earlier = words_of(await ann.page(links[-1][0].replace("&amp;", "&")))
    assert "Plans turn" not in alone
    assert [number for _, number in links] == [str(number) for number in range(PLANS + 2, 2, -1)]
    assert "2 older ones" in words_of(page)
    assert "Plan of turn 3" in earlier


async def test_conversations_come_in_pages(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        for number in range(22):
            await talk(store, KEYS["ann"], f"title {number:02d}", f"s{number}")
        newest = await ann.page("/conversations?user=u1")
        older = re.search(r'rel="next" href="([^"]*)"', newest)
        assert older is not None
        oldest = await ann.page(older[1].replace("&amp;", "&"))
    titles = re.findall(r"title (\d\d)", newest) + re.findall(r"title (\d\d)", oldest)
    assert sorted(titles) == [f"{number:02d}" for number in range(22)]


async def test_what_an_address_must_not_say_is_told(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        await talked.plan(await talked.say("hello"))
        nowhere = ("/conversation", "/conversation?id=" + "0" * 32)
        no_plan = (f"{talked.path}&plan=7", f"{talked.path}&plan=1&task=3")
        unknown = [(await ann.get(path)).status_code for path in (*nowhere, *no_plan)]
        numbers = (f"{talked.path}&before=x", f"{talked.path}&plan=0")
        lists = ("/conversations?user=u1&before=x", "/conversations?user=" + "x" * 257)
        wrong = [(await ann.get(path)).status_code for path in (*numbers, *lists)]
    assert set(unknown) == {404}
    assert set(wrong) == {400}


async def test_task_states_and_messages_move_by_themselves(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (seen, ann):
        talked = await talk(store, KEYS["ann"])
        await talked.plan(await talked.say("hello"))
        page = await ann.page(talked.path)
        live = re.search(r'data-live="([^"]*)"', page)
        assert live is not None
        with trio.fail_after(10):
            async with watching(ann, live[1].replace("&amp;", "&")) as connection:
                first = await parts_of(connection)
                await trio.testing.wait_all_tasks_blocked()
                await talked.claim(1, 0)
                await seen.console.following.look()
                second = await parts_of(connection)
                await trio.testing.wait_all_tasks_blocked()
                await talked.tell(1, StopTurn(at_ms=9, why=Reason.CANCELLED))
                await seen.console.following.look()
                third = await parts_of(connection)
    assert first["plan"].strip() in page
    assert first["turns"].strip() in page
    assert 'id="offline"' in page, "the script says there that the console does not answer"
    assert "write WORKER assistant ready" in words_of(first["plan"])
    assert "write WORKER assistant running" in words_of(second["plan"])
    assert "turns" not in second
    assert "1: cancelled" in words_of(third["turns"])


async def test_a_damaged_conversation_is_told_and_hides_no_other(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        damaged, _ = await talk(store, KEYS["ann"], "one"), await talk(store, KEYS["ann"], "two", "s2")
        shard = damaged.conversations.shard(damaged.digest)
        log, states, *_ = store.keys.conversation(shard, damaged.digest)
        await store.links[0].execute(("DEL", log, states), ("SET", log, "x"))
        listed = words_of(await ann.page("/conversations?user=u1"))
        answer = await ann.get(damaged.path)
        told = words_of(await answer.get_data(as_text=True))
    assert "two 0 0" in listed
    assert "one This conversation cannot be read" in listed
    assert answer.status_code == 500
    assert "This conversation cannot be read" in told


@frozen
class DeletedMeanwhile:
    """Conversations that somebody deletes behind each look at them."""

    conversations: Conversations

    async def look(self, conversation: Digest, *wanted: Any, **fields: Any) -> Looked:
        looked = await self.conversations.look(conversation, *wanted, **fields)
        await self.conversations.delete(conversation)
        return looked


async def test_a_conversation_that_is_deleted_between_two_looks_is_not_there(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        talked = await talk(store, KEYS["ann"])
        await talked.say("hello")
        owner = caller_of(store.seal, KEYS["ann"].encode())
        page = ConversationPage(cast("Any", DeletedMeanwhile(talked.conversations)), SystemClock())
        asked = ConversationAsked(conversation=talked.digest)
        assert await page.values(owner, asked, Language.ENGLISH) is None


async def reads(store: Store) -> int:
    """How often the store has read from its connections."""
    (told,) = await store.links[0].execute(("INFO", "stats"))
    found = re.search(rb"total_reads_processed:(\d+)", told)
    assert found is not None
    return int(found[1])


async def test_a_list_takes_two_round_trips(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        for number in range(ROWS):
            await talk(store, KEYS["ann"], session_id=f"s{number}")
        before = await reads(store)
        page = await ann.page("/conversations?user=u1")
        taken = await reads(store) - before - 1
    assert page.count('href="/conversation?id=') == ROWS
    assert taken == 2


@pytest.mark.parametrize("turns", [1, 30])
async def test_a_page_takes_three_round_trips_at_any_length_of_history(
    redis_server: RedisServer, turns: int
) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        await talked.plan(await talked.say("hello"))
        for _ in range(turns - 1):
            await talked.say("hello")
        before = await reads(store)
        await ann.page(f"{talked.path}&plan=1")
        taken = await reads(store) - before - 1
    assert taken == 3
