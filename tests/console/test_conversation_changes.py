"""Conversations that are begun and gone on with in the console: a message is taken once, and by its owner alone."""

import re

from redis_server import RedisServer
from shown_console import words_of
from stored_runs import SHARDS, stored
from structlog.testing import capture_logs
from talked_conversations import KEYS, csrf_of, looking, signed_in, talk

from mix2api.console.conversation import ConversationAsked
from mix2api.console.door_views import FORM_BYTES, LONG_FORM_BYTES
from mix2api.console.ports import ConsolePorts
from mix2api.console.tokens import Role
from mix2api.conversations.content import turn_field
from mix2api.settings.choices import Busy
from mix2api.store.conversation_actions import OPEN_MAX
from mix2api.store.conversation_words import turn_words
from mix2api.vocabulary import Digest

SCRIPT = "<script>alert(1)</script>"
WHALES = "Do whales sleep?\r\n\r\nIf so,\u4f55\u65f6?"


def field_of(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


async def test_a_user_begins_a_conversation_and_says_something(redis_server: RedisServer) -> None:
    stirred: list[Digest] = []

    async def stir(conversation: Digest) -> None:
        stirred.append(conversation)

    async with stored(redis_server.url) as store, looking(store, ports=ConsolePorts(stir=stir)) as (_, ann):
        begin = {"csrf": await csrf_of(ann), "once": "1" * 32, "user": "u1", "title": SCRIPT}
        with capture_logs() as told:
            begun = (await ann.post("/conversations", begin)).headers["location"]
            page = await ann.page(begun)
            names = ("csrf", "id", "once")
            form = {name: field_of(page, name) for name in names} | {"message": WHALES}
            said = await ann.post("/conversation", form)
            again = await ann.post("/conversation", form)
        after = await ann.page(begun)
        listed = words_of(await ann.page("/conversations?user=u1"))
        looked = await store.conversations(SHARDS, 0).look(Digest(form["id"]), [1], [turn_field(1)])
        words = turn_words(looked, 1)
    assert said.headers["location"] == again.headers["location"] == f"{begun}#turn-1"
    assert looked.session.turns == 1, "a form that is sent twice is one message"
    assert words is not None
    assert words.message == WHALES.replace("\r\n", "\n")
    assert "1: created" in words_of(after)
    assert "&lt;script&gt;" in after
    assert "<script>alert" not in after
    assert f"{SCRIPT} 1 1" in listed
    assert set(stirred) == {form["id"]}
    changes = [
        (one["admin"], one["action"], one["what"]) for one in told if one["event"] == "console.changed"
    ]
    assert changes[:2] == [("ann", "begin", form["id"]), ("ann", "say", f"turn_{form['id']}_1")]
    assert "whales" not in str(told)


async def test_other_text_in_a_form_that_was_sent_is_another_message(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        form = {"csrf": await csrf_of(ann), "id": talked.digest, "once": "0" * 32}
        led = [
            (await ann.post("/conversation", {**form, "message": message})).headers["location"]
            for message in ("hello", "hello there", "hello")
        ]
    assert [place.rpartition("#")[2] for place in led] == ["turn-1", "turn-2", "turn-1"]


async def test_nobody_says_anything_in_another_s_conversation(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (seen, ann):
        talked = await talk(store, KEYS["ann"])
        form = {"id": talked.digest, "once": "0" * 32, "message": "hello"}
        bob, operator = await signed_in(seen, "bob"), seen.another()
        await operator.sign_in(Role.OPERATE)
        refused = [
            (await visitor.post("/conversation", {**form, "csrf": csrf})).status_code
            for visitor, csrf in (
                (bob, await csrf_of(bob)),
                (ann, await csrf_of(bob)),
                (ann, ""),
                (operator, await operator.csrf()),
                (seen.another(), ""),
            )
        ]
        begun = await operator.post("/conversations", {"csrf": await operator.csrf(), "user": "u1"})
        looked = await talked.conversations.look(talked.digest)
    assert refused == [404, 403, 403, 403, 403]
    assert begun.status_code == 403
    assert looked.session.turns == 0


async def test_a_message_that_is_not_taken_stays_on_the_page(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store, busy=Busy.REJECT) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        form = {"csrf": await csrf_of(ann), "id": talked.digest, "once": "0" * 32}
        blank = await ann.post("/conversation", {**form, "message": " "})
        await talked.say("hello")
        busy = await ann.post("/conversation", {**form, "message": f"{SCRIPT} once more"})
        kept = await busy.get_data(as_text=True)
        wrong = [
            (await ann.post("/conversation", {**form, **one})).status_code
            for one in ({"once": "x", "message": "hello"}, {"id": "x", "message": "hello"})
        ]
        lists = [
            (await ann.post("/conversations", {**form, **one})).status_code
            for one in ({"user": " "}, {"user": "u1", "title": "x" * 1001}, {"user": "u1", "once": "x"})
        ]
    assert (blank.status_code, busy.status_code) == (400, 409)
    assert "A turn of this conversation runs" in kept
    assert "&lt;script&gt;alert(1)&lt;/script&gt; once more</textarea>" in kept
    assert (wrong, lists) == ([400, 404], [400, 400, 400])


async def test_a_session_takes_so_many_messages_and_no_more(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        for _ in range(OPEN_MAX):
            await talked.say("hello")
        form = {"csrf": await csrf_of(ann), "id": talked.digest, "once": "0" * 32}
        full = await ann.post("/conversation", {**form, "message": "hello"})
        told = words_of(await full.get_data(as_text=True))
    assert full.status_code == 429
    assert f"{OPEN_MAX} turns of this conversation wait" in told


async def test_a_form_that_is_too_large_is_not_read(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        path = ConversationAsked(conversation=talked.digest).link().partition("?")[0]
        form = {"csrf": await csrf_of(ann), "id": talked.digest, "message": "x" * FORM_BYTES}
        short = await ann.post(path, form)
        told = words_of(await short.get_data(as_text=True))
        fits = await ann.post_long(path, {**form, "once": "0" * 32})
        long = {"content_type": "multipart/form-data; boundary=b", "content_length": str(LONG_FORM_BYTES + 1)}
        refused = await ann.post(path, {}, **long)
    assert (short.status_code, fits.status_code, refused.status_code) == (413, 303, 413)
    assert f"at most {FORM_BYTES} bytes" in told


async def test_a_form_that_is_sent_twice_begins_one_conversation(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, looking(store) as (seen, ann):
        page, bob = await ann.page("/conversations?user=u1"), await signed_in(seen, "bob")
        form = {"csrf": await csrf_of(ann), "once": field_of(page, "once"), "user": "u1", "title": "Whales"}
        another = field_of(await ann.page("/conversations?user=u1"), "once")
        led = [
            (await visitor.post("/conversations", {**form, **changed})).headers["location"]
            for visitor, changed in (
                (ann, {}),
                (ann, {}),
                (ann, {"title": "Other whales"}),
                (ann, {"once": another}),
                (bob, {"csrf": await csrf_of(bob)}),
            )
        ]
        listed = await ann.page("/conversations?user=u1")
    assert led[0] == led[1]
    assert len(set(led)) == 4
    assert listed.count('href="/conversation?id=') == 3


async def test_a_turn_is_cancelled_by_a_button_that_works_without_script(redis_server: RedisServer) -> None:
    stirred: list[Digest] = []

    async def stir(conversation: Digest) -> None:
        stirred.append(conversation)

    async with stored(redis_server.url) as store, looking(store, ports=ConsolePorts(stir=stir)) as (_, ann):
        talked = await talk(store, KEYS["ann"])
        for message in ("one", "two"):
            await talked.say(message)
        before = await ann.page(talked.path)
        form = {"csrf": await csrf_of(ann), "id": talked.digest, "turn": "1"}
        with capture_logs() as told:
            first = await ann.post("/conversation/cancel", form)
            await ann.post("/conversation/cancel", form)
        wrong = [
            (await ann.post("/conversation/cancel", {**form, **one})).status_code
            for one in ({"turn": "3"}, {"turn": "0"}, {"turn": "one"}, {"id": "0" * 32}, {"csrf": "x"})
        ]
        after, chinese = await ann.page(talked.path), await ann.page(talked.path, accept_language="zh")
    buttons = '<button form="cancel" name="turn" value="1">Cancel turn 1</button>'
    assert buttons in before
    assert 'id="cancel"' in before
    assert buttons not in after
    assert "Cancel turn 2" in after
    assert "取消轮次 2" in chinese
    assert "1: cancelled" in words_of(after)
    assert first.headers["location"] == f"{talked.path}#turn-1"
    assert wrong == [404, 400, 400, 404, 403]
    assert talked.digest in stirred
    assert [one["outcome"] for one in told if one["event"] == "console.changed"] == ["done", "repeat"]


async def test_a_conversation_is_deleted_with_its_turns_by_its_owner_who_has_said_so_twice(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store, looking(store) as (seen, ann):
        talked = await talk(store, KEYS["ann"])
        await talked.say("hello")
        form = {"csrf": await csrf_of(ann), "id": talked.digest, "sure": "yes"}
        bob, operator = await signed_in(seen, "bob"), seen.another()
        await operator.sign_in(Role.OPERATE)
        refused = [
            (await visitor.post("/conversation/delete", {**form, **changed})).status_code
            for visitor, changed in (
                (bob, {"csrf": await csrf_of(bob)}),
                (operator, {"csrf": await operator.csrf()}),
                (ann, {"csrf": await csrf_of(bob)}),
                (ann, {"sure": ""}),
                (ann, {"id": "x"}),
            )
        ]
        stands = (await talked.conversations.look(talked.digest)).session.turns
        with capture_logs() as told:
            deleted = (await ann.post("/conversation/delete", form)).headers["location"]
            again = (await ann.post("/conversation/delete", form)).status_code
        listed = words_of(await ann.page(deleted))
        gone = await talked.conversations.look(talked.digest)
    assert refused == [404, 403, 403, 400, 404]
    assert (stands, gone.session.version, again) == (1, 0, 404)
    assert deleted == "/conversations?user=u1&said=deleted"
    assert "The conversation is deleted." in listed
    assert "no conversations of this user" in listed
    assert ("delete", "done") in [(one.get("action"), one.get("outcome")) for one in told]
