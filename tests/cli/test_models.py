"""What an operator sees of the models' profiles."""

import json
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from redis_server import RedisServer
from session_scripts import good_run
from stored_runs import SHARDS, new_session, store_script, stored

from mix2api.cli.main import main
from mix2api.sessions.commands import ConcludeRun

SECRET = "0123456789abcdef0123456789abcdef"
PROFILES = """\
["mix/a"]
context_window = 32000
max_new_tokens = 64000
image_rule = "anthropic"

["b-*"]
default_new_tokens = 500
encoding = "cl100k_base"
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_LIST", "mix/a,unknown")
    (tmp_path / "models.toml").write_text(PROFILES)
    (tmp_path / ".env").write_text("MIX2API_MODEL_PROFILES_FILE=models.toml\n")
    return tmp_path


def test_each_model_is_shown_with_the_origin_of_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[:4]] == [
        "model",
        "mix/a",
        "unknown",
        "b-*",
    ]
    main(["models"])
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert lines["mix/a"][1:] == [
        "32000",
        "(32000*)",
        "31999*",
        "-",
        "(o200k_base)",
        "anthropic",
        "file",
        '"mix/a"',
    ]
    assert lines["unknown"][1:] == ["(200000)", "(120000)", "(8192)", "-", "(o200k_base)", "(openai)", "none"]
    assert lines["b-*"][4:6] == ["500", "cl100k_base"]
    assert " ".join(lines["warning:"][1:4]) == 'profile "mix/a": max_new_tokens'


def test_a_name_is_looked_up_as_a_request_s_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "other/b-1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    [model] = shown["models"]
    assert (model["model"], model["default_new_tokens"], model["known"]) == ("other/b-1", 500, True)
    assert model["sources"]["encoding"] == 'file "b-*"'
    assert model["sources"]["max_new_tokens"] == "default"
    assert model["image_rule"] == "openai"
    assert len(shown["warnings"]) == 1


def test_defaults_and_the_setting_s_profiles_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_PROFILE_JSON", '{"c": {"contextWindow": 5000}, "mix/a": {"contextWindow": 1}}')
    monkeypatch.setenv("MODEL_PROFILE_DEFAULT_MAX_INPUT_TOKENS", "4000")
    monkeypatch.setenv("MODEL_PROFILE_DEFAULT_MAX_NEW_TOKENS", "77")
    monkeypatch.setenv("MODEL_PROFILE_DEFAULT_CONTEXT_WINDOW", "9000")
    assert main(["models", "c", "z", "--json"]) == 2
    assert '"mix/a": contextWindow must be' in capsys.readouterr().err
    monkeypatch.setenv("MODEL_PROFILE_JSON", '{"c": {"contextWindow": 5000}}')
    assert main(["models", "c", "z", "--json"]) == 0
    one, other = json.loads(capsys.readouterr().out)["models"]
    assert (one["context_window"], one["max_input_tokens"], one["max_new_tokens"]) == (5000, 4000, 77)
    assert (other["context_window"], other["known"]) == (9000, False)


def test_every_mistake_is_told_with_its_file_and_line(
    capsys: pytest.CaptureFixture[str], directory: Path
) -> None:
    (directory / "models.toml").write_text(PROFILES.replace("32000", '"large"') + "max_tokens = 5\n")
    assert main(["models"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        'mix2api: models.toml line 2: "mix/a": context_window must be a whole number of tokens from 2 to 100000000',
        'mix2api: models.toml line 9: "b-*": max_tokens is not a field of a profile; did you mean max_new_tokens?',
    ]


def test_with_a_window_the_runs_of_the_store_teach_a_factor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    async def fill() -> None:
        async with stored(redis_server.url) as store:
            known = {"input_tokens": 110, "input_budget": 900, "counted_tokens": 100}
            *answered, end = good_run(model="mix/a", **known)
            assert isinstance(end, ConcludeRun)
            await store_script(store, new_session(store), [*answered, replace(end, usage_source="site")])

    trio.run(fill)
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("MIX2API_SECRET", SECRET)
    monkeypatch.setenv("MIX2API_SHARDS", str(SHARDS))
    assert main(["models", "--window", "1h"]) == 0
    heading, *lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert heading[-1] == "factor"
    factors = {line[0]: line[-1] for line in lines}
    assert factors["mix/a"] != "-"
    assert factors["unknown"] == "-"
    assert main(["models", "--window", "1h", "--json"]) == 0
    shown = {model["model"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    assert f"{shown['mix/a']['factor']:.3f}" == factors["mix/a"]
    assert shown["unknown"]["factor"] is None
