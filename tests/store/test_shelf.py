"""A shelf in Redis: a change names the version that it was made from; a full shelf refuses, or its oldest untouched document goes."""

from damages import WHOLE, put
from redis_server import RedisServer
from stored_runs import stored

from mix2api.store.shelf import Document, PutOutcome, Shelf, ShelfRules
from mix2api.store.store import Store

OWNER = "owner"
KEYS = ("{shelf}heads", "{shelf}bodies", "{shelf}times")


def shelf_of(store: Store, *, most: int = 2, gives_way: bool = False, life_ms: int = 0) -> Shelf:
    rules = ShelfRules(kind="paper", most=most, gives_way=gives_way, life_ms=life_ms)
    return Shelf(link=store.links[0], seal=store.seal, damage=store.damage, rules=rules, names=lambda _: KEYS)


def paper(name: str, version: int = 1) -> Document:
    return Document(id=name, version=version, head=b"head %d" % version, body=b"body")


async def test_a_change_of_another_version_is_refused_and_a_body_may_stay(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        shelf = shelf_of(store)
        assert await shelf.put(OWNER, paper("a"), 1, 1) is PutOutcome.CONFLICT
        assert await shelf.put(OWNER, paper("a"), 0, 1) is PutOutcome.DONE
        assert await shelf.put(OWNER, paper("a"), 0, 2) is PutOutcome.CONFLICT
        assert await shelf.put(OWNER, Document(id="a", version=2, head=b"new"), 1, 3) is PutOutcome.DONE
        assert await shelf.put(OWNER, paper("a", 2), 1, 4) is PutOutcome.CONFLICT
        assert await shelf.get(OWNER, "a", 5) == (b"new", b"body")


async def test_a_document_that_was_deleted_is_not_brought_back_by_a_change(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        shelf = shelf_of(store)
        await shelf.put(OWNER, paper("a"), 0, 1)
        assert await shelf.delete(OWNER, "a")
        assert not await shelf.delete(OWNER, "a")
        assert await shelf.put(OWNER, paper("a", 2), 1, 2) is PutOutcome.CONFLICT
        assert await shelf.get(OWNER, "a", 3) is None
        assert redis_server.command("KEYS", "{shelf}*") == []


async def test_a_full_shelf_refuses_unless_an_untouched_document_may_give_way(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        strict, yielding = shelf_of(store), shelf_of(store, gives_way=True)
        await strict.put(OWNER, paper("touched"), 0, 1)
        await strict.put(OWNER, paper("touched", 2), 1, 1)
        await strict.put(OWNER, paper("untouched"), 0, 2)
        assert await strict.put(OWNER, paper("new"), 0, 3) is PutOutcome.FULL
        assert await yielding.put(OWNER, paper("new"), 0, 3) is PutOutcome.DONE
        assert await strict.get(OWNER, "untouched", 4) is None
        await strict.put(OWNER, paper("new", 2), 1, 5)
        assert await yielding.put(OWNER, paper("newer"), 0, 6) is PutOutcome.FULL
        assert await strict.heads(OWNER, 0, 9, 7) == [b"head 2", b"head 2"]


async def test_a_document_whose_life_is_over_is_not_shown_and_makes_room(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        shelf = shelf_of(store, most=1, life_ms=60_000)
        await shelf.put(OWNER, paper("old"), 0, 1)
        assert await shelf.get(OWNER, "old", 60_000) is not None
        assert await shelf.get(OWNER, "old", 60_001) is None
        assert await shelf.heads(OWNER, 0, 9, 60_001) == []
        assert await shelf.put(OWNER, paper("new"), 0, 60_001) is PutOutcome.DONE
        assert redis_server.command("HKEYS", KEYS[0]) == [b"new"]


async def test_only_documents_of_the_named_version_are_forgotten(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        shelf = shelf_of(store)
        await shelf.put(OWNER, paper("first"), 0, 1)
        await shelf.put(OWNER, paper("second"), 0, 1)
        await shelf.put(OWNER, paper("second", 2), 1, 2)
        await shelf.forget(OWNER, ["first", "second", "absent"], 1)
        assert await shelf.heads(OWNER, 0, 9, 3) == [b"head 2"]


async def test_a_key_of_another_type_is_emptied_by_a_change_and_counted(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        shelf = shelf_of(store)
        put(redis_server, KEYS[1], WHOLE["a word"])
        assert await shelf.put(OWNER, paper("a"), 0, 1) is PutOutcome.DONE
        assert await shelf.get(OWNER, "a", 2) == (b"head 1", b"body")
        assert store.damage.total == 1
