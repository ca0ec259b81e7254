"""The settings of an OpenCode server: what they make, and what is refused with a word that names the setting."""

from contextlib import closing

import pytest

from mix2api.errors import ConfigurationError
from mix2api.settings import load_settings
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.opencode.kind import OPENCODE, _options
from mix2api.upstreams.opencode.opencode import OpenCodeUpstream
from mix2api.upstreams.opencode.options import OpenCodeOptions, Profile
from mix2api.upstreams.scripted import ScriptedUpstream
from mix2api.upstreams.surroundings import Surroundings

BASE = {"OPENCODE_URL": "http://runtime.example:4096"}


def options(**given: str) -> OpenCodeOptions:
    return _options(load_settings(BASE | given, None))


def test_the_upstream_is_made_of_the_settings_and_has_to_be_kept() -> None:
    with closing(HttpClient(HttpOptions())) as client:
        settings = load_settings(BASE | {"OPENCODE_CONTEXT_TOKEN": "word"}, None)
        made = OPENCODE.upstream(settings, client, Surroundings())
        assert isinstance(made, OpenCodeUpstream)
        assert made.context_server is not None
        assert OPENCODE.keep(made) == made.keep
    assert OPENCODE.keep(ScriptedUpstream([])) is None
    assert not OPENCODE.tools_in_text(settings)
    assert OPENCODE.form(settings)[0] == BASE["OPENCODE_URL"]


def test_a_profile_leaves_to_the_default_what_it_does_not_say() -> None:
    made = options(
        OPENCODE_MODEL="maker/default",
        OPENCODE_AGENT="build",
        OPENCODE_PROFILES_JSON='{"m": {"agent": "plan"}}',
    )
    assert made.profile("m") == Profile(model="maker/default", agent="plan")
    assert made.profile("other") == Profile(model="maker/default", agent="build")


def test_the_password_goes_as_basic_authentication() -> None:
    assert options().headers() == ()
    assert options(OPENCODE_SERVER_PASSWORD="word").headers() == (
        ("authorization", "Basic b3BlbmNvZGU6d29yZA=="),
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"OPENCODE_URL": ""}, "OPENCODE_URL"),
        ({"OPENCODE_MODEL": "no-provider"}, "OPENCODE_MODEL"),
        ({"OPENCODE_PROFILES_JSON": '{"m": 7}'}, "OPENCODE_PROFILES_JSON: `m`"),
        ({"OPENCODE_PROFILES_JSON": '{"m": {"model": "x"}}'}, "provider/model"),
        ({"OPENCODE_PROFILES_JSON": '{"m": {"color": "x"}}'}, "`color`"),
        ({"UPSTREAM_AUTH_MODE": "pass_through"}, "UPSTREAM_AUTH_MODE"),
        ({"UPSTREAM_DYNAMIC_BASE_ENABLED": "true"}, "UPSTREAM_DYNAMIC_BASE_ENABLED"),
    ],
)
def test_what_does_not_go_with_a_runtime_is_refused_by_its_name(given: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        options(**given)
