"""Damage in every kind of key, while a system works: it costs at most the session or run that it hit.

Here every kind of key meets a quarter of the damages; `make damage` goes through all of them.
"""

import pytest
from damaged_system import damage_everything
from redis_server import RedisServer
from whole_system import Shape

_LIMIT_S = 120


@pytest.mark.parametrize("shape", Shape)
async def test_damage_costs_at_most_what_it_hit(shape: Shape, redis_server: RedisServer) -> None:
    await damage_everything(shape, redis_server, every=4, limit_s=_LIMIT_S)
