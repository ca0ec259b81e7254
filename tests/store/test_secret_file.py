"""The kept secret: made once, the same for all, private."""

import stat
import threading
from pathlib import Path

import pytest

from mix2api.errors import ConfigurationError
from mix2api.store.secret_file import kept_secret


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    first = kept_secret(tmp_path)
    assert len(first) == 32
    assert kept_secret(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"], "no drafts are left"


def test_those_that_race_get_the_same(tmp_path: Path) -> None:
    found: list[bytes] = []
    gate = threading.Barrier(8)

    def race() -> None:
        gate.wait()
        found.append(kept_secret(tmp_path))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", ["", "not hex", "abcd"])
def test_a_damaged_one_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(ConfigurationError, match="is damaged"):
        kept_secret(tmp_path)


def test_one_that_others_can_read_is_refused(tmp_path: Path) -> None:
    kept_secret(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        kept_secret(tmp_path)


def test_a_directory_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read or made"):
        kept_secret(tmp_path / "nowhere")
