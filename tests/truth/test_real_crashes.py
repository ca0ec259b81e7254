"""The crash matrix over real processes, proxies and kill -9: `make crashes`."""

import pytest
from crashes.real_stage import RealStage
from crashes.table import CELLS, Cell
from redis_server import RedisServer

pytestmark = pytest.mark.crashes


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
async def test_what_a_killed_process_leaves_is_as_the_matrix_says(cell: Cell, server: RedisServer) -> None:
    await RealStage(cell, server).play()
