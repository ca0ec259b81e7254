"""A running system reads its models' profiles again, and a broken file costs nobody anything."""

import os
import signal
from pathlib import Path

import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.errors import ConfigurationError


async def warnings(system: WholeSystem) -> list[str]:
    health = await system.client.get("/health")
    assert health.status == 200
    return [line for line in health.json().get("warnings", ()) if "profiles" in line]


@pytest.mark.parametrize("shape", Shape)
async def test_a_broken_file_is_told_in_health_until_it_is_mended(
    redis_server: RedisServer, tmp_path: Path, shape: Shape
) -> None:
    file = tmp_path / "models.toml"
    file.write_text("[m]\ncontext_window = 1000\n")
    async with whole_system(shape, redis_server.url, MIX2API_MODEL_PROFILES_FILE=str(file)) as system:
        assert await warnings(system) == []
        file.write_text("[m]\ncontext_window = -5\n")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: _told(system, 1))
        [line] = await warnings(system)
        assert line.startswith(f"new profiles are refused, those from before count: {file} line 2: ")
        file.write_text("[m]\ncontext_window = 2000\n")
        await until(lambda: _told(system, 0))


async def _told(system: WholeSystem, lines: int) -> bool:
    return len(await warnings(system)) == lines


async def test_a_system_with_a_bad_file_does_not_start(redis_server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text("[m\n")
    with pytest.RaisesGroup(
        pytest.RaisesExc(ConfigurationError, match="models.toml line 1"), flatten_subgroups=True
    ):
        async with whole_system(Shape.SERVE, redis_server.url, MIX2API_MODEL_PROFILES_FILE=str(file)):
            raise AssertionError
