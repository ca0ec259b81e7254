"""Environment and `.env` to settings: what takes effect, what is refused, what is warned of."""

import attrs
import pytest
from settings.effects import EFFECTS, SECRET

from mix2api.errors import ConfigurationError
from mix2api.settings import (
    Settings,
    Source,
    load_settings,
)
from mix2api.settings.former import FORMER
from mix2api.settings.groups import GROUPS
from mix2api.settings.loading import KNOWN
from mix2api.settings.setting import settings_of

CLOSED = {"INBOUND_BEARER_TOKEN": "t"}
"""So that the warning about the open door does not stand in every expectation."""


NEEDED_WITH = {"REDIS_URL": {"MIX2API_SECRET": SECRET}}


def at(settings: Settings, path: str) -> object:
    group, name = path.split(".")
    return getattr(getattr(settings, group), name)


@pytest.mark.parametrize(("name", "text", "path", "value"), EFFECTS)
@pytest.mark.parametrize("source", [Source.ENVIRONMENT, Source.FILE])
def test_a_setting_changes_its_group(name: str, text: str, path: str, value: object, source: Source) -> None:
    more = NEEDED_WITH.get(name, {})
    plain = load_settings(more, None)
    in_file = source is Source.FILE
    settings = load_settings(
        more if in_file else {**more, name: text}, f"{name}='{text}'\n" if in_file else None
    )
    assert at(settings, path) == value
    assert at(plain, path) != value
    assert settings.given[name].source is source


def test_every_setting_that_takes_effect_is_in_the_table_above() -> None:
    served = {one.name for group in GROUPS.values() for one in settings_of(group).values()}
    assert served == {name for name, *_ in EFFECTS}


def test_without_anything_all_stands_at_the_defaults() -> None:
    settings = load_settings({}, None)
    assert attrs.evolve(settings, warnings=()) == Settings()
    assert settings.warnings == (
        "INBOUND_BEARER_TOKEN is not set: any bearer is accepted and only fingerprinted",
    )


def test_a_door_that_stands_open_is_warned_of() -> None:
    assert load_settings({"INBOUND_AUTH_MODE": "none"}, None).warnings == (
        "INBOUND_AUTH_MODE is none: everybody is served",
    )


def test_an_address_of_new_api_without_a_token_and_channels_is_warned_of_and_stops_no_command() -> None:
    """A rollback must not fail for it."""
    assert load_settings({"NEWAPI_URL": "http://gateway"}, None).warnings[-3:] == tuple(
        f"NEWAPI_{name} is not set: new-api is told no weights (NEWAPI_URL)"
        for name in ("TOKEN", "STABLE_CHANNEL", "CANARY_CHANNEL")
    )


def test_names_are_known_once_and_defaults_are_good() -> None:
    rows = [one for group in GROUPS.values() for one in settings_of(group).values()]
    assert len(rows) == len(KNOWN)
    for row in rows:
        assert row.default_value is None or row.default


def test_the_environment_wins_over_the_file_and_empty_means_unset() -> None:
    assert load_settings({"PORT": "1"}, "PORT=2\n").listening.port == 1
    assert load_settings({"PORT": " "}, "PORT=2\n").listening.port == 2
    assert load_settings({"PORT": ""}, "PORT=\n").listening.port == 3001


def test_plans_do_not_go_with_a_credential_that_only_requests_bring() -> None:
    with pytest.raises(ConfigurationError, match="MIX2API_CONVERSATIONS: does not go with"):
        load_settings({"MIX2API_CONVERSATIONS": "true", "UPSTREAM_AUTH_MODE": "pass_through"}, None)


def test_every_bad_setting_is_reported_at_once_and_secrets_are_masked() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(
            {
                "PORT": "65536",
                "EXPOSE_STACK": "flase",
                "BODY_SIZE_LIMIT": "5 pounds",
                "FORCE_TOOL_CALL": "2",
                "MIX2API_SECRET": "planted",
                "REDIS_URL": "http://user:planted@host",
                "UPSTREAM_API_BASE": "https://user:planted@host",
                "UPSTREAM_BEARER_TOKEN": "plantéd",
                "UPSTREAM_TOKEN_BODY_JSON": '["planted"]',
                "UPSTREAM_AUTH_MODE": "oauth",
            },
            "QUERY_MAX_CHARS=-1\n",
        )
    lines = str(caught.value).splitlines()
    assert "PORT: `65536` is refused; allowed: a whole number from 0 to 65535" in lines
    assert "EXPOSE_STACK: `flase` is refused; allowed: true, 1, yes, on, false, 0, no, off" in lines
    assert "UPSTREAM_AUTH_MODE: `oauth` is refused; allowed: static, managed, pass_through, none" in lines
    assert "FORCE_TOOL_CALL: `2` is refused; allowed: true, 1, yes, on, false, 0, no, off" in lines
    assert len(lines) == 11
    assert "plant" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_value_with_control_characters_cannot_write_to_the_terminal() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"PORT": "\x1b[2Jx"}, None)
    assert "\x1b" not in str(caught.value)


CONTRADICTIONS: list[tuple[dict[str, str], str]] = [
    ({"REDIS_URL": "redis://r"}, "MIX2API_SECRET: is not set; with REDIS_URL"),
    ({"REDIS_URL": "redis://r", "SESSION_STORE_MODE": "redis"}, "MIX2API_SECRET: is not set; with REDIS_URL"),
    ({"SESSION_STORE_MODE": "redis"}, "REDIS_URL: is not set; SESSION_STORE_MODE=redis needs it"),
    ({"INBOUND_AUTH_MODE": "keys"}, "INBOUND_KEYS_FILE: is not set; INBOUND_AUTH_MODE=keys needs it"),
]


@pytest.mark.parametrize(("environ", "line"), CONTRADICTIONS)
def test_settings_that_need_another_one_say_so(environ: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ, None)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_the_embedded_store_needs_no_secret_even_if_a_redis_is_named() -> None:
    settings = load_settings({"REDIS_URL": "redis://r", "SESSION_STORE_MODE": "memory"}, None)
    assert settings.storing.url is None


def test_a_bad_secret_is_not_also_called_missing() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"REDIS_URL": "redis://r", "MIX2API_SECRET": "short"}, None)
    assert "\n" not in str(caught.value)


def test_a_command_names_what_it_cannot_do_without() -> None:
    with pytest.raises(ConfigurationError, match=r"^UPSTREAM_API_BASE: is not set; an http"):
        load_settings({}, None, required=["UPSTREAM_API_BASE", "PORT"])
    assert load_settings({"UPSTREAM_API_BASE": "http://x"}, None, required=["UPSTREAM_API_BASE"])


@pytest.mark.parametrize(
    "given", [{"MIX2API_UPSTREAM": "opencode"}, {"MIX2API_UPSTREAMS_FILE": "/etc/u.toml"}]
)
def test_an_upstream_whose_place_is_said_elsewhere_needs_no_base_url(given: dict[str, str]) -> None:
    assert load_settings(given, None, required=["UPSTREAM_API_BASE"])


DYNAMIC = {**CLOSED, "UPSTREAM_DYNAMIC_BASE_ENABLED": "true"}


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"UPSTREAM_BEARER_TOKEN": "u"}, ["UPSTREAM_BASE_ALLOWLIST"]),
        ({"UPSTREAM_BEARER_TOKEN": "u", "UPSTREAM_BASE_ALLOWLIST": "a.example"}, []),
        ({"UPSTREAM_AUTH_MODE": "none"}, []),
        ({"UPSTREAM_AUTH_MODE": "managed"}, ["UPSTREAM_BASE_ALLOWLIST", "UPSTREAM_TOKEN_URL"]),
        ({"UPSTREAM_AUTH_MODE": "managed", "UPSTREAM_TOKEN_URL": "http://t"}, ["UPSTREAM_BASE_ALLOWLIST"]),
    ],
)
def test_a_choice_of_upstream_that_will_always_be_refused_is_warned_of(
    environ: dict[str, str], names: list[str]
) -> None:
    warnings = load_settings({**DYNAMIC, **environ}, None).warnings
    assert [warning.partition(" ")[0] for warning in warnings] == names


def test_an_unknown_name_of_ours_is_warned_of_with_the_nearest_known_one() -> None:
    settings = load_settings(
        {**CLOSED, "MIX2API_RETENTON_S": "1", "MIX2API_PROT": "1", "MIX2API_ZZZ": "1"}, None
    )
    assert settings.warnings == (
        "MIX2API_PROT is not known and ignored; did you mean PORT?",
        "MIX2API_RETENTON_S is not known and ignored; did you mean MIX2API_RETENTION_S?",
        "MIX2API_ZZZ is not known and ignored",
    )


def test_foreign_names_are_nobodys_business_unless_the_file_nearly_names_one_of_ours() -> None:
    foreign = "NODE_ENV=production\nUPSTREM_API_BASE=http://x\n"
    assert load_settings({**CLOSED, "UPSTREM_API_BASE": "http://x", "HOME": "/root"}, None).warnings == ()
    assert load_settings(CLOSED, foreign).warnings == (
        "UPSTREM_API_BASE is not known and ignored; did you mean UPSTREAM_API_BASE?",
    )


def test_what_the_file_cannot_say_is_remarked_on() -> None:
    assert load_settings(CLOSED, "nonsense\n").warnings == (".env line 1 is not NAME=value and is ignored",)


def test_secrets_are_in_no_repr() -> None:
    names = ("INBOUND_BEARER_TOKEN", "UPSTREAM_BEARER_TOKEN", "MIX2API_SECRET", "UPSTREAM_TOKEN_HEADERS_JSON")
    values = dict.fromkeys(names[:3], "planted-planted-planted") | {names[3]: '{"a": "planted"}'}
    settings = load_settings({**values, "REDIS_URL": "redis://:planted@r"}, None)
    assert "planted" not in repr(settings)
    assert "planted" not in "".join(settings.warnings)


@pytest.mark.parametrize("name", FORMER)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_name_of_the_earlier_adapter_that_has_no_setting_is_told(name: str, *, in_file: bool) -> None:
    settings = load_settings({}, f"{name}=1\n") if in_file else load_settings({name: "1"}, None)
    assert [line for line in settings.warnings if line.startswith(name)] == [f"{name} {FORMER[name]}"]
    assert not any(line.startswith(name) for line in load_settings({name: ""}, None).warnings)


def test_no_former_name_is_a_setting() -> None:
    assert FORMER.keys().isdisjoint(KNOWN)
