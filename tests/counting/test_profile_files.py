"""Profiles come from a setting and a file, and a bad file changes nothing."""

import os
import signal
from pathlib import Path

import pytest
import trio
import trio.testing

from mix2api.budget.profile import Defaults
from mix2api.counting.profile_files import Profiles, ProfileSources, ProfilesRefused, load_profiles
from mix2api.errors import ConfigurationError

GOOD = '["m"]\ncontext_window = 1000\n'


def anything(_: str) -> bool:
    return True


def test_the_file_s_profile_replaces_the_setting_s(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(GOOD)
    table = load_profiles(
        ProfileSources(said={"m": {"contextWindow": 9}, "n": {"contextWindow": 8}}, file=file)
    )
    assert table.profile_of("m").context_window == 1000
    assert table.profile_of("n").context_window == 8


def test_without_sources_all_models_have_the_defaults() -> None:
    table = load_profiles(ProfileSources(defaults=Defaults(context_window=77)))
    assert table.profile_of("m").context_window == 77


REFUSED = [
    (b'["m"]\ncontext_window = = 5\n', "line 2: this is not TOML: Invalid value"),
    (b'["m"]\nencoding = "', "line 2: this is not TOML: "),
    (b'["m"]\nx = """', "line 2: this is not TOML: "),
    (b'["m"]\n\ncontext_window = 1\n', 'line 3: "m": context_window must be a whole number'),
    (b'\n["m"]\n# \xff\n', "line 3: this is not UTF-8"),
    (b"#" * (1 << 20) + b"#", "is larger than 1048576 bytes"),
    (b"a = " + b"[" * 20_000, "this is nested too deeply"),
]


@pytest.mark.parametrize(("data", "why"), REFUSED)
def test_a_bad_file_is_refused_by_its_name_and_line(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "profiles.toml"
    file.write_bytes(data)
    with pytest.raises(ProfilesRefused) as caught:
        load_profiles(ProfileSources(file=file))
    assert str(caught.value).startswith(f"{file}")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfilesRefused, match="cannot be read: No such file or directory"):
        load_profiles(ProfileSources(file=tmp_path / "none"))


def test_every_mistake_of_both_sources_is_told(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text("[a]\nx = 1\n[b]\ny = 1\n")
    with pytest.raises(ConfigurationError) as caught:
        Profiles.load(ProfileSources(said={"c": 5}, file=file), anything)
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "MODEL_PROFILE_JSON",
        f"{file} line 2",
        f"{file} line 4",
    ]


def loaded(file: Path, text: str = GOOD) -> Profiles:
    file.write_text(text)
    return Profiles.load(ProfileSources(file=file), lambda name: name == "o200k_base")


def test_a_changed_file_holds_from_the_next_request_on(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    profiles = loaded(file)
    before = profiles.table
    assert not profiles.has_changed
    file.write_text(GOOD.replace("1000", "20000"))
    assert profiles.has_changed
    assert profiles.reload()
    assert not profiles.has_changed
    assert (before.profile_of("m").context_window, profiles.table.profile_of("m").context_window) == (
        1000,
        20000,
    )
    assert not profiles.reload()


def test_a_broken_file_leaves_the_profiles_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    profiles = loaded(file)
    file.write_text('["m"]\ncontext_window = "large"\n')
    assert not profiles.reload()
    assert profiles.table.profile_of("m").context_window == 1000
    assert profiles.refused is not None
    assert profiles.refused.startswith(f'{file} line 2: "m": context_window must be')
    assert not profiles.has_changed
    file.unlink()
    assert profiles.has_changed
    assert not profiles.reload()
    assert "cannot be read" in profiles.refused
    assert not profiles.has_changed
    file.write_text(GOOD)
    assert not profiles.reload()
    assert profiles.refused is None


def test_an_encoding_that_is_not_loaded_is_refused_while_serving(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    profiles = loaded(file)
    file.write_text('["m"]\nencoding = "cl100k_base"\n')
    assert not profiles.reload()
    assert profiles.refused == f"{file}: encoding cl100k_base is not loaded in this process: restart it"
    assert profiles.table.profile_of("m").context_window == 1000


def test_profiles_without_a_file_never_change() -> None:
    profiles = Profiles.load(ProfileSources(said={"m": {}}), anything)
    assert not profiles.has_changed
    assert not profiles.reload()


async def test_a_watched_file_is_read_again_when_it_changes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    file = tmp_path / "profiles.toml"
    profiles = loaded(file)
    reads: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            profiles.watch, lambda: reads.append(profiles.table.profile_of("m").context_window)
        )
        await trio.sleep(11)
        assert reads == []
        file.write_text(GOOD.replace("1000", "20000"))
        await trio.sleep(11)
        nursery.cancel_scope.cancel()
    assert reads == [20000]
    assert autojump_clock.current_time() > 20


async def test_a_hangup_has_the_file_read_again(tmp_path: Path) -> None:
    profiles = loaded(tmp_path / "profiles.toml")
    read: list[str | None] = []
    told = trio.Event()

    def on_reload() -> None:
        read.append(profiles.refused)
        told.set()

    (tmp_path / "profiles.toml").write_text("nonsense")
    async with trio.open_nursery() as nursery:
        await nursery.start(profiles.reload_on_hangup, on_reload)
        os.kill(os.getpid(), signal.SIGHUP)
        with trio.fail_after(30):
            await told.wait()
        nursery.cancel_scope.cancel()
    assert read[0] is not None
    assert "line 1: this is not TOML" in read[0]
