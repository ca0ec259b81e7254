"""A process tells of the profiles that it reads, and of those that it refuses."""

from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from mix2api.errors import ConfigurationError
from mix2api.process.profiles import start_profiles, tell_of_profiles
from mix2api.settings import Settings, load_settings


def settings_of(file: Path, text: str) -> Settings:
    file.write_text(text)
    return load_settings({"MIX2API_MODEL_PROFILES_FILE": str(file)}, None)


def told(lines: Any) -> list[tuple[str, object]]:
    return [(line["event"], line.get("why", line.get("profiles"))) for line in lines]


def test_profiles_are_told_of_with_what_is_clamped(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "p.toml", '["a*"]\ncontext_window = 10\nmax_new_tokens = 10\n[b]\n')
    with capture_logs() as lines:
        start_profiles(settings, structlog.get_logger())
    assert told(lines) == [
        (
            "model.profile.adjusted",
            'profile "a*": max_new_tokens 10 is more than context_window allows, 9 counts',
        ),
        ("model.profile", 2),
    ]


def test_a_bad_file_keeps_a_process_from_starting(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "p.toml", "a = = b")
    with pytest.raises(ConfigurationError, match=r"p\.toml line 1: this is not TOML"):
        start_profiles(settings, structlog.get_logger())


def test_a_file_that_breaks_later_is_told_of_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    profiles = start_profiles(settings_of(file, "[b]\n"), structlog.get_logger())
    file.write_text("[b]\ncontext_window = 0\n")
    profiles.reload()
    with capture_logs() as lines:
        tell_of_profiles(profiles, structlog.get_logger())
    assert [line["log_level"] for line in lines] == ["warning"]
    assert told(lines) == [("model.profile.invalid", profiles.refused)]
    assert f"{file} line 2: " in str(profiles.refused)
