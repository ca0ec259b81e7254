"""Look-ups that wait for their master: in order, in bounds, and once each."""

import pytest
import store_parts as parts
from cluster_servers import RedisCluster
from redis_server import RedisServer

from mix2api.store import late_look_ups
from mix2api.store.late_look_ups import LateLookUps
from mix2api.store.redis.link import Command
from mix2api.store.store import Store

LISTED: list[Command] = [("RPUSH", "k", "v"), ("LTRIM", "k", -8, -1), ("PEXPIRE", "k", 60_000)]


def late_of(store: Store) -> LateLookUps:
    return LateLookUps(store.links[1], store.damage)


async def test_what_may_stand_there_already_stands_there_once(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        late = late_of(store)
        redis_server.command("RPUSH", "k", "v", "another")
        late.add(LISTED)
        late.add([("SET", "name", "session")])
        await late.flush()
        assert redis_server.command("LRANGE", "k", 0, -1) == [b"another", b"v"]
        assert redis_server.command("GET", "name") == b"session"
        assert (late.count, late.lost) == (0, 0)


async def test_a_key_of_another_type_gives_way(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        late = late_of(store)
        redis_server.command("SET", "k", "damage")
        late.add(LISTED)
        await late.flush()
        assert redis_server.command("LRANGE", "k", 0, -1) == [b"v"]
        assert store.damage.total == 1


async def test_they_wait_while_their_master_is_away(redis_cluster: RedisCluster) -> None:
    silent = redis_cluster.master_of("k")
    async with parts.running_store(redis_cluster.url()) as store:
        late = late_of(store)
        silent.server.pause()
        late.add(LISTED)
        await late.flush()
        assert late.count == len(LISTED) + 1
        silent.server.resume()
        while late.count:
            await late.flush()
        assert silent.command("LRANGE", "k", 0, -1) == [b"v"]


async def test_what_has_no_room_is_counted(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_look_ups, "_MOST", 4)
    async with parts.running_store(redis_server.url) as store:
        late = late_of(store)
        late.add(LISTED)
        late.add(LISTED)
        assert (late.count, late.lost) == (4, len(LISTED))
