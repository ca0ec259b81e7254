"""Which server wrote a data directory, told by its note or by its files, and which ones may go on with it."""

from pathlib import Path

import pytest

from mix2api.errors import ConfigurationError
from mix2api.store.redis.origin import Origin, binary_for, note_origin, origin_of
from mix2api.store.redis.server_binary import ServerBinary, ServerKind

REDIS, VALKEY = ServerKind.REDIS, ServerKind.VALKEY


@pytest.mark.parametrize(
    ("note", "origin"),
    [
        ("8.1 valkey\n", Origin((8, 1), VALKEY)),
        ("7.0 redis\n", Origin((7, 0), REDIS)),
        ("6.2\n", Origin((6, 2), REDIS)),
        ("7.2\n", Origin((7, 2), REDIS)),
        ("8.0\n", Origin((8, 0))),
        ("nonsense \u20ac", None),
        ("", None),
    ],
)
def test_the_note_names_version_and_kind_as_far_as_it_can(
    note: str, origin: Origin | None, tmp_path: Path
) -> None:
    (tmp_path / "made-by").write_text(note, encoding="utf-8")
    assert origin_of(tmp_path) == origin


@pytest.mark.parametrize(
    ("file", "head", "origin"),
    [
        ("appendonlydir/a.1.base.rdb", b"REDIS0011\xfa\x0avalkey-ver\x058.1.8\xfa", Origin((8, 1), VALKEY)),
        ("appendonlydir/a.1.base.rdb", b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa", Origin((7, 0), REDIS)),
        ("appendonly.aof", b"REDIS0009\xfa\x09redis-ver\x066.2.14\xfa", Origin((6, 2), REDIS)),
        ("appendonly.aof", b"*2\r\n$6\r\nSELECT\r\n", Origin((6, 2), REDIS)),
    ],
)
def test_without_a_note_the_files_tell(file: str, head: bytes, origin: Origin, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(head)
    assert origin_of(tmp_path) == origin


def test_an_empty_directory_or_none_was_written_by_nobody(tmp_path: Path) -> None:
    assert origin_of(tmp_path) is None
    assert origin_of(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("origin", "kind", "version", "read"),
    [
        (Origin((6, 2), REDIS), REDIS, (6, 2), True),
        (Origin((6, 2), REDIS), REDIS, (7, 0), True),
        (Origin((7, 0), REDIS), REDIS, (6, 2), False),
        (Origin((6, 2), REDIS), VALKEY, (8, 1), True),
        (Origin((7, 2), REDIS), VALKEY, (8, 1), True),
        (Origin((7, 4), REDIS), VALKEY, (8, 1), False),
        (Origin((8, 1), VALKEY), REDIS, (7, 0), False),
        (Origin((8, 1), VALKEY), REDIS, (8, 2), False),
        (Origin((8, 1), VALKEY), VALKEY, (8, 0), False),
        (Origin((8, 1), VALKEY), VALKEY, (9, 0), True),
        (Origin((8, 0)), VALKEY, (8, 1), True),
        (Origin((8, 0)), REDIS, (8, 2), True),
        (Origin((8, 0)), REDIS, (7, 0), False),
    ],
)
def test_a_server_reads_its_own_older_files_and_valkey_those_of_redis_up_to_7_2(
    origin: Origin, kind: ServerKind, version: tuple[int, int], *, read: bool
) -> None:
    assert origin.is_read_by(ServerBinary("/bin/server", version, kind)) is read


def test_a_foreign_directory_is_refused_in_one_line_and_its_note_stays(tmp_path: Path) -> None:
    note_origin(tmp_path, ServerBinary("/bin/v", (8, 1), VALKEY))
    with pytest.raises(ConfigurationError) as refused:
        note_origin(tmp_path, ServerBinary("/bin/r", (7, 0)))
    assert str(refused.value) == (
        f"{tmp_path} was written by Valkey 8.1, and /bin/r is Redis 7.0, which cannot read it: "
        "install the server that wrote it, or name another MIX2API_DATA_DIR"
    )
    assert (tmp_path / "made-by").read_text() == "8.1 valkey\n"


def test_a_directory_without_a_note_is_refused_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "a.1.base.rdb").write_bytes(b"REDIS0011\xfa\x0avalkey-ver\x058.1.8")
    with pytest.raises(ConfigurationError, match=r"written by Valkey 8\.1"):
        note_origin(tmp_path, ServerBinary("/bin/r", (6, 2)))


def test_a_newer_server_is_noted_from_its_first_start_on(tmp_path: Path) -> None:
    note_origin(tmp_path, ServerBinary("/bin/r", (6, 2)))
    note_origin(tmp_path, ServerBinary("/bin/v", (8, 1), VALKEY))
    assert origin_of(tmp_path) == Origin((8, 1), VALKEY)


def test_the_server_that_can_read_the_files_is_taken_though_another_comes_first(tmp_path: Path) -> None:
    for name, told in (("redis-server", "Redis server v=7.0.15"), ("valkey-server", "Valkey server v=9.9.1")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{told}'\n")
        program.chmod(0o755)
    files = tmp_path / "files"
    assert binary_for(files, str(tmp_path)).title == "Redis 7.0"
    files.mkdir()
    note_origin(files, ServerBinary("/bin/v", (8, 1), VALKEY))
    assert binary_for(files, str(tmp_path)).title == "Valkey 9.9"
    (files / "made-by").write_text("99.0 redis\n")
    assert binary_for(files, str(tmp_path)).title == "Redis 7.0", "to be refused"
