"""The upstreams of a process: one by the settings, or several by the file. Each has settings of its own."""

from pathlib import Path

import pytest

from mix2api.errors import ConfigurationError
from mix2api.process.named_upstreams import (
    NamedUpstream,
    keeps_of,
    named_upstreams,
    sites_of,
    tools_in_text_of,
    upstream_called,
    with_models,
)
from mix2api.sealing import Seal
from mix2api.sessions.prepared_turn import prepare
from mix2api.settings import Settings, UpstreamAuthMode, load_settings
from mix2api.upstreams.kept import Kept
from mix2api.wire.turn import Message, Turn

SEAL = Seal(b"a secret of the tests, 32 bytes.")
FILE = """
[[upstreams]]
name = "site"
prefix = "mix/"
kind = "mix"
base_url = "https://site.example"
models = ["mix/a", "mix/b"]
idle_timeout_ms = 7000

[[upstreams]]
name = "api"
prefix = "api/"
kind = "openai"
base_url = "https://api.example/v1"
credential = "env:API_KEY"
"""


def settings(tmp_path: Path, text: str = FILE, **known: str) -> Settings:
    file = tmp_path / "upstreams.toml"
    file.write_text(text)
    return load_settings({"MIX2API_UPSTREAMS_FILE": str(file), "SEND_UPSTREAM_TOOLS": "false"} | known, None)


def named(tmp_path: Path, text: str = FILE) -> tuple[NamedUpstream, ...]:
    return named_upstreams(settings(tmp_path, text), {"API_KEY": "sk-api"})


def test_without_a_file_there_is_the_one_upstream_of_the_settings() -> None:
    given = load_settings({"UPSTREAM_API_BASE": "https://site.example"}, None)
    (one,) = named_upstreams(given)
    assert (one.settings, one.prefix, one.pool) == (given, "", "mix")
    assert upstream_called(given, None) == one


def test_each_upstream_has_its_own_address_credential_and_limits(tmp_path: Path) -> None:
    site, api = named(tmp_path)
    assert [one.settings.site.api_base for one in (site, api)] == [
        "https://site.example",
        "https://api.example/v1",
    ]
    assert [one.settings.upstream_auth.mode for one in (site, api)] == [
        UpstreamAuthMode.NONE,
        UpstreamAuthMode.STATIC,
    ]
    assert api.settings.upstream_auth.bearer_token == "sk-api"
    assert [one.settings.network.idle_timeout_ms for one in (site, api)] == [7000, 180_000]


def test_a_runtime_has_its_own_address_and_a_credential_for_its_password(tmp_path: Path) -> None:
    runtime = FILE.replace('kind = "openai"', 'kind = "opencode"')
    site, coder = named(tmp_path, runtime)
    own = coder.settings
    assert (own.opencode.url, own.opencode.password) == ("https://api.example/v1", "sk-api")
    assert (own.upstream_auth.mode, own.upstream_auth.bearer_token) == (UpstreamAuthMode.NONE, None)
    assert site.settings.opencode.url is None
    started = runtime.replace('base_url = "https://api.example/v1"', 'command = ["opencode", "serve"]')
    own = named(tmp_path, started)[1].settings
    assert (own.opencode.url, own.opencode.command) == (None, ("opencode", "serve"))
    assert sites_of((site, coder), SEAL).of("api/a").bridges
    assert not sites_of((site, coder), SEAL).of("mix/a").bridges


def test_models_that_no_upstream_serves_are_not_shown(tmp_path: Path) -> None:
    given = settings(tmp_path, MODEL_LIST="mix/b,gpt-5,api/x")
    assert with_models(given, named(tmp_path)).listening.models == ("mix/b", "api/x", "mix/a")


def test_the_edge_and_the_worker_take_each_model_for_what_its_upstream_is(tmp_path: Path) -> None:
    upstreams = named(tmp_path)
    sites, in_text, keeps = sites_of(upstreams, SEAL), tools_in_text_of(upstreams), keeps_of(upstreams)
    assert [sites.passes_through(model) for model in ("mix/a", "api/a")] == [False, True]
    assert sites.of("mix/a").digest != sites.of("api/a").digest
    assert [in_text(model) for model in ("mix/a", "api/a", "other")] == [True, False, False]
    tools = [{"type": "function", "function": {"name": "read"}}]
    turns = [
        Turn(model=model, messages=[Message(role="user", content="x")], tools=tools)
        for model in ("mix/a", "api/a", "other")
    ]
    told, native, unknown = (keeps(prepare(turn), is_told=False) for turn in turns)
    assert told.beside
    assert native.texts
    assert unknown == Kept()


@pytest.mark.parametrize(
    "name", ["UPSTREAM_API_BASE", "MIX2API_UPSTREAM", "UPSTREAM_AUTH_MODE", "UPSTREAM_BEARER_TOKEN"]
)
def test_settings_of_the_only_upstream_do_not_go_with_the_file(tmp_path: Path, name: str) -> None:
    values = {
        "UPSTREAM_API_BASE": "https://x.example",
        "MIX2API_UPSTREAM": "openai",
        "UPSTREAM_AUTH_MODE": "none",
    }
    with pytest.raises(ConfigurationError, match=f"{name}: does not go with MIX2API_UPSTREAMS_FILE"):
        settings(tmp_path, **{name: values.get(name, "planted")})


def test_a_credential_that_is_not_there_is_named_with_its_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"upstream 2 \(api\): credential: env:API_KEY leads to no"):
        named_upstreams(settings(tmp_path), {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    given = load_settings({"MIX2API_UPSTREAMS_FILE": str(tmp_path / "none.toml")}, None)
    with pytest.raises(ConfigurationError, match=r"MIX2API_UPSTREAMS_FILE: .* cannot be read"):
        named_upstreams(given)


def test_an_upstream_is_called_by_its_name_and_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "sk-api")
    assert upstream_called(settings(tmp_path), "site").name == "site"
    for name in (None, "other"):
        with pytest.raises(ConfigurationError, match="--upstream: must be one of site, api"):
            upstream_called(settings(tmp_path), name)


def test_an_upstream_knows_the_shown_models_under_its_own_names(tmp_path: Path) -> None:
    text = FILE.replace('prefix = "api/"', 'prefix = "api/"\nstrip_prefix = true')
    given = settings(tmp_path, text, MODEL_LIST="mix/c,gpt-5,api/x")
    upstreams = named_upstreams(given, {"API_KEY": "sk-api"})
    assert [one.settings.listening.models for one in upstreams] == [("mix/c", "mix/a", "mix/b"), ("x",)]
