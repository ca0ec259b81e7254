"""Pairs of settings that take each other's effect away are warned of, and no other pairs."""

import pytest

from mix2api.settings import load_settings

CLOSED = {"INBOUND_BEARER_TOKEN": "t"}
"""So that the warning about the open door does not stand in every expectation."""
_STORE = {"REDIS_URL": "redis://r", "MIX2API_SECRET": "s" * 32}
_KEYS = {"INBOUND_AUTH_MODE": "keys", "INBOUND_KEYS_FILE": "k"}
_TOTAL = {"MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS": "1000", "MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS": "0"}


@pytest.mark.parametrize(
    ("environ", "idle", "other"),
    [
        ({"TOOL_MAX_COUNT": "3"}, "TOOL_MAX_COUNT", "TOOL_KEEP_ALL"),
        ({"INBOUND_KEYS_FILE": "k"}, "INBOUND_KEYS_FILE", "INBOUND_AUTH_MODE"),
        (_KEYS, "INBOUND_BEARER_TOKEN", "INBOUND_AUTH_MODE"),
        ({**_STORE, "SESSION_STORE_MODE": "memory"}, "REDIS_URL", "SESSION_STORE_MODE"),
        (
            {"UPSTREAM_AUTH_MODE": "none", "UPSTREAM_BEARER_TOKEN": "planted"},
            "UPSTREAM_BEARER_TOKEN",
            "UPSTREAM_AUTH_MODE",
        ),
        ({"UPSTREAM_TOKEN_URL": "https://login.example"}, "UPSTREAM_TOKEN_URL", "UPSTREAM_AUTH_MODE"),
        (
            {"UPSTREAM_BASE_ALLOWLIST": "a.example"},
            "UPSTREAM_BASE_ALLOWLIST",
            "UPSTREAM_DYNAMIC_BASE_ENABLED",
        ),
    ],
)
def test_a_setting_without_effect_beside_another_is_warned_of(
    environ: dict[str, str], idle: str, other: str
) -> None:
    warnings = load_settings({**CLOSED, **environ}, None).warnings
    assert warnings == (f"{idle} has no effect with this {other}",)


@pytest.mark.parametrize(
    "environ",
    [
        {"TOOL_MAX_COUNT": "3", "TOOL_KEEP_ALL": "false"},
        {"TOOL_MAX_COUNT": "0"},
        {"UPSTREAM_BEARER_TOKEN": "planted"},
        {"UPSTREAM_AUTH_MODE": "managed", "UPSTREAM_TOKEN_URL": "https://login.example"},
        {"MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS": "0", "UPSTREAM_TIMEOUT_MS": "9000"},
        {**_TOTAL, "UPSTREAM_TIMEOUT_MS": "1000"},
        {"SESSION_TTL_MS": "1000000", "MIX2API_RETENTION_S": "1000"},
    ],
)
def test_settings_that_go_together_are_not_warned_of(environ: dict[str, str]) -> None:
    assert load_settings({**CLOSED, **environ}, None).warnings == ()


@pytest.mark.parametrize("name", ["MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS", "UPSTREAM_TIMEOUT_MS"])
def test_a_limit_that_the_whole_answers_limit_is_under_is_warned_of(name: str) -> None:
    warnings = load_settings({**CLOSED, **_TOTAL, name: "1001"}, None).warnings
    assert warnings == (f"{name} has no effect: MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS is shorter",)


@pytest.mark.parametrize("given", [{"SESSION_TTL_MS": "90000001"}, {"MIX2API_RETENTION_S": "1799"}])
def test_sessions_that_wait_for_longer_than_their_log_is_kept_are_warned_of(given: dict[str, str]) -> None:
    (warning,) = load_settings({**CLOSED, **given}, None).warnings
    assert warning.startswith("SESSION_TTL_MS is longer than MIX2API_RETENTION_S")
