"""How a link gets its wire: a connection that works, or the reason why there is none."""

import pytest
import trio
from attrs import evolve
from redis.exceptions import RedisError
from redis_server import RedisServer

from mix2api.store.redis.dialing import dial
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.wire import SocketWire


async def test_a_server_that_is_there_is_dialled(redis_server: RedisServer) -> None:
    wire = await dial(RedisLocation.parse(redis_server.url), Timeouts(), "a-name")
    assert isinstance(wire, SocketWire)
    assert wire.begin(b"*2\r\n$6\r\nCLIENT\r\n$7\r\nGETNAME\r\n", 1)
    assert await wire.receive() == [b"a-name"]
    wire.close()


async def test_a_server_that_is_not_there_is_told_without_frames(redis_server: RedisServer) -> None:
    nowhere = evolve(RedisLocation.parse(redis_server.url), path="/nowhere/redis.sock")
    with pytest.raises(RedisError) as raised, trio.fail_after(10):
        await dial(nowhere, Timeouts(), "a-name")
    cause = raised.value.__cause__ or raised.value.__context__
    assert cause is not None
    assert cause.__traceback__ is None
