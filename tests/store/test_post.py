"""Inbox and mail: sealed, in order, neither lost nor doubled by cuts and cancels."""

from pathlib import Path

import store_parts as parts
import trio
import trio.testing
from lossy_proxy import lossy_proxy
from redis_server import RedisServer

from mix2api.sealing import Seal
from mix2api.store.opening import build_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store
from mix2api.vocabulary import ProcessId

PLANTED = b"the planted prompt"
LAST_ID = "18446744073709551615-18446744073709551615"


async def take(store: Store, count: int) -> list[bytes]:
    taken: list[bytes] = []
    with trio.fail_after(10):
        while len(taken) < count:
            taken += await store.mail.take()
    return taken


async def test_an_inbox_gives_what_was_put_after_a_place(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        ids = [await parts.put_inbox(store, b"%d" % n, n) for n in range(3)]
        entries = await store.post.read_inbox(parts.SHARD)
        assert [(entry.entry_id, entry.payload, entry.deadline_ms) for entry in entries] == [
            (ids[n], b"%d" % n, n) for n in range(3)
        ]
        assert [entry.payload for entry in await store.post.read_inbox(parts.SHARD, ids[1])] == [b"2"]
        await store.post.delete_inbox(parts.SHARD, ids[:2])
        assert [entry.entry_id for entry in await store.post.read_inbox(parts.SHARD)] == ids[2:]
        await store.post.delete_inbox(parts.SHARD, ())


async def test_payloads_rest_sealed_and_keys_expire(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await parts.put_inbox(store, PLANTED, 1)
        await store.post.mail(store.process, PLANTED)
        for key in (store.keys.inbox(parts.SHARD), store.keys.mail(store.process)):
            dump = redis_server.command("DUMP", key)
            assert isinstance(dump, bytes)
            assert PLANTED[:12] not in dump
            assert redis_server.command("PTTL", key) > 0
        assert await take(store, 2) == [parts.WAKE, PLANTED], "the positive control: it was there"


async def test_what_another_deployment_sealed_is_dropped(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        foreign = build_store(
            store.location, StoreOptions(url=redis_server.url), Seal(b"another deployment's secret")
        )
        await parts.put_inbox(foreign, b"foreign", 1)
        await foreign.post.mail(store.process, b"foreign")
        await store.post.mail(store.process, b"ours")
        assert await store.post.read_inbox(parts.SHARD) == []
        assert redis_server.command("XLEN", store.keys.inbox(parts.SHARD)) == 0
        assert await take(store, 1) == [b"ours"]
        assert store.damage.total == 2
        for link in foreign.links:
            await link.aclose()


async def test_what_is_of_another_type_gives_way_to_inbox_and_mail(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        inbox, mail = store.keys.inbox(parts.SHARD), store.keys.mail(store.process)
        redis_server.command("SET", inbox, "foreign")
        entry = await parts.put_inbox(store, b"command", 1)
        assert [each.entry_id for each in await store.post.read_inbox(parts.SHARD)] == [entry]
        redis_server.command("SET", mail, "foreign")
        await store.post.mail(store.process, b"one", b"two")
        assert await take(store, 2) == [b"one", b"two"]
        for key in (inbox, mail):
            redis_server.command("DEL", key)
            redis_server.command("HSET", key, "foreign", "words")
        assert await store.post.read_inbox(parts.SHARD) == []
        await store.post.delete_inbox(parts.SHARD, [entry])


async def test_a_reader_takes_another_type_out_of_its_way(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, trio.open_nursery() as nursery:
        key = store.keys.mail(store.process)
        redis_server.command("SET", key, "foreign")
        taken: list[bytes] = []

        async def read() -> None:
            taken.extend(await take(store, 1))

        nursery.start_soon(read)
        with trio.fail_after(10):
            while redis_server.command("EXISTS", key):
                await trio.lowlevel.checkpoint()
        await store.post.mail(store.process, b"heard")
    assert taken == [b"heard"]


async def test_mail_sealed_for_one_process_cannot_be_replayed_to_another(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        other = ProcessId("p_0123456789ab")
        await store.post.mail(other, b"theirs")
        redis_server.command("RENAME", store.keys.mail(other), store.keys.mail(store.process))
        await store.post.mail(store.process, b"ours")
        assert await take(store, 1) == [b"ours"]


async def test_mail_arrives_in_order_and_is_deleted_once_read(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.post.mail(store.process, *(b"%d" % n for n in range(10)))
        await store.post.mail(store.process, b"10", b"11")
        assert await take(store, 12) == [b"%d" % n for n in range(12)]
        await store.post.mail(store.process, b"12")
        assert await take(store, 1) == [b"12"]
        assert redis_server.command("XLEN", store.keys.mail(store.process)) == 1, "only what was read last"


async def test_a_reader_that_waits_gets_mail_when_it_comes(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, trio.open_nursery() as nursery:

        async def send() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await store.post.mail(store.process, b"late")

        nursery.start_soon(send)
        assert await take(store, 1) == [b"late"]


async def test_lost_replies_neither_lose_nor_double_mail(redis_server: RedisServer, tmp_path: Path) -> None:
    async with (
        parts.running_store(redis_server.url) as sender,
        lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy,
        parts.running_store(f"unix://{proxy.path}") as store,
    ):
        taken = []
        for number in range(6):
            await sender.post.mail(store.process, b"%d a" % number, b"%d b" % number)
            proxy.lose = number % 2
            taken += await take(store, 2)
        assert taken == [b"%d %b" % (number, half) for number in range(6) for half in (b"a", b"b")]
        assert proxy.lost >= 2


async def test_a_cancelled_take_loses_nothing(redis_server: RedisServer, tmp_path: Path) -> None:
    async with (
        parts.running_store(redis_server.url) as sender,
        lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy,
        parts.running_store(f"unix://{proxy.path}") as store,
    ):
        await sender.post.mail(store.process, b"first")
        proxy.held = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.mail.take)
            await proxy.requests.wait()
            nursery.cancel_scope.cancel()
        proxy.held.set()
        proxy.held = None
        assert await take(store, 1) == [b"first"]


async def test_a_command_is_put_for_the_shard_s_owner_alone_and_wakes_it(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as edge:

        async def put(payload: bytes) -> str | None:
            return await edge.post.put_inbox(store.process, parts.SHARD, payload, 1, parts.WAKE)

        assert await put(b"nobody's") is None
        await store.leases.acquire([parts.SHARD])
        redis_server.command("SCRIPT", "FLUSH")
        assert await put(b"ours") is not None
        assert [entry.payload for entry in await store.post.read_inbox(parts.SHARD)] == [b"ours"]
        assert await take(store, 3) == [parts.WAKE] * 3, "in vain, before the script was there, and behind it"
        key = store.keys.mail(store.process)
        redis_server.command("XADD", key, LAST_ID, "no", "room")
        assert await put(b"more") is not None
        assert await take(store, 1) == [parts.WAKE], "a full mailbox must not leave the owner asleep"
        await store.leases.release()
        await edge.leases.acquire([parts.SHARD])
        assert await put(b"another's") is None
        assert len(await store.post.read_inbox(parts.SHARD)) == 2
        redis_server.command("RPUSH", store.keys.lease(parts.SHARD) + "x", "foreign")
        redis_server.command("RENAME", store.keys.lease(parts.SHARD) + "x", store.keys.lease(parts.SHARD))
        assert await put(b"of nobody we know") is None


async def test_a_shard_s_owner_is_known_to_everybody(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store, parts.running_store(redis_server.url) as other:
        assert await other.post.lease_owner(parts.SHARD) is None
        await store.leases.acquire([parts.SHARD])
        assert await other.post.lease_owner(parts.SHARD) == store.process


async def test_what_no_process_wrote_is_no_owner_we_know(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        key = store.keys.lease(parts.SHARD)
        redis_server.command("RPUSH", key, "foreign")
        assert await store.post.lease_owner(parts.SHARD) is None
        redis_server.command("SET", key, b"\xff\xfe")
        assert await store.post.lease_owner(parts.SHARD) is None
