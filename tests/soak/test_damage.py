"""Every damage in every kind of key, while a system works."""

import pytest
from damage_tour import damage_everything
from redis_server import RedisServer
from whole_system import Shape

_LIMIT_S = 600


@pytest.mark.damage
@pytest.mark.parametrize("shape", Shape)
async def test_every_damage_costs_at_most_what_it_hit(shape: Shape, redis_server: RedisServer) -> None:
    await damage_everything(shape, redis_server, every=1, limit_s=_LIMIT_S)
