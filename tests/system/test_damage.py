"""Damage in every kind of key, while a system works: it costs at most the session or run that it hit.

Here every kind of key meets a quarter of the damages; `make damage` goes through all of them.
"""

import pytest
from damage_tour import damage_everything
from damages import LAST_ID
from redis_server import RedisServer
from whole_system import Shape, whole_system

_LIMIT_S = 120


@pytest.mark.parametrize("shape", Shape)
async def test_damage_costs_at_most_what_it_hit(shape: Shape, redis_server: RedisServer) -> None:
    await damage_everything(shape, redis_server, every=4, limit_s=_LIMIT_S)


@pytest.mark.parametrize("stays", [True, False])
async def test_a_log_at_the_last_stream_id_loses_no_request(
    redis_server: RedisServer, *, stays: bool
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        first = await system.client.ask("one")
        await system.check_log(runs=1)
        for key in redis_server.command("KEYS", "*:log:*"):  # type: ignore[attr-defined]
            redis_server.command("XADD", key, LAST_ID, "no", "room")
            if not stays:
                redis_server.command("XDEL", key, LAST_ID)
        messages = [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": first.text()},
            {"role": "user", "content": "two"},
        ]
        second = await system.client.ask("", messages=messages)
        assert (second.status, "two" in second.text()) == (200, True)
        if not stays:  # else the log has an entry that nobody can read
            await system.check_log(runs=2)
        assert [line["key_kind"] for line in system.log_lines("store.damage")] == ["log"]
