"""The `mix` kind: what of its settings goes where."""

import pytest

from mix2api.errors import ConfigurationError
from mix2api.settings import load_settings
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.mix.kind import MIX
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.surroundings import Surroundings

BASE = {"UPSTREAM_API_BASE": "https://site.example"}


async def test_a_configured_site_is_an_upstream() -> None:
    client = HttpClient(HttpOptions())
    assert isinstance(MIX.upstream(load_settings(BASE, None), client, Surroundings()), MixUpstream)
    client.close()


async def test_without_a_base_url_there_is_none() -> None:
    client = HttpClient(HttpOptions())
    with pytest.raises(ConfigurationError, match="UPSTREAM_API_BASE"):
        MIX.upstream(load_settings({}, None), client, Surroundings())
    client.close()


def test_the_form_of_a_site_is_what_it_has_always_been_since_realms_are_made_of_it() -> None:
    assert MIX.form(load_settings({}, None)) == [
        "/v2/chats",
        "web-general",
        {"location": "Asia/Shanghai", "language": "zh-CN"},
        {"search": True},
        True,
        None,
        False,
        "both",
        None,
    ]


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("UPSTREAM_CHAT_PATH", "/x", 0),
        ("UPSTREAM_AGENT_SLUG", "x", 1),
        ("MIX2API_UPSTREAM_LOCALE_JSON", '{"a": 1}', 2),
        ("MIX2API_UPSTREAM_MODES_JSON", '{"a": 1}', 3),
        ("MIX2API_UPSTREAM_PERSONALIZED", "false", 4),
        ("DEFAULT_PERSONA_ID", "x", 5),
        ("SEND_UPSTREAM_TOOLS", "true", 6),
        ("TOOL_INSTRUCTION_MODE", "query", 7),
    ],
)
def test_what_the_site_keeps_with_a_session_is_in_its_form(name: str, value: str, place: int) -> None:
    usual, changed = MIX.form(load_settings({}, None)), MIX.form(load_settings({name: value}, None))
    assert [at for at in range(len(usual)) if usual[at] != changed[at]] == [place]


@pytest.mark.parametrize(("value", "in_text"), [("true", False), ("false", True)])
def test_a_site_without_native_tools_calls_them_in_its_text(value: str, in_text: bool) -> None:  # noqa: FBT001
    assert MIX.tools_in_text(load_settings({"SEND_UPSTREAM_TOOLS": value}, None)) is in_text
