"""Earlier names of settings: what they set, and what wins over them."""

import pytest

from mix2api.errors import ConfigurationError
from mix2api.settings import Source, load_settings
from mix2api.settings.aliases import ALIASES
from mix2api.settings.former import FORMER
from mix2api.settings.loading import KNOWN

RATE, TTL = "MIX2API_TRACE_SAMPLE_RATE", "MIX2API_TRACE_TTL_S"
CLOSED = {"INBOUND_BEARER_TOKEN": "t"}


def test_a_sample_rate_above_zero_turns_traces_on_as_it_did() -> None:
    tracing = load_settings({RATE: "0.25"}, None).tracing
    assert (tracing.enabled, tracing.rate) == (True, 0.25)


def test_a_sample_rate_of_zero_leaves_traces_off() -> None:
    tracing = load_settings({RATE: "0"}, None).tracing
    assert (tracing.enabled, tracing.rate) == (False, 0.0)


def test_the_earlier_retention_is_read_in_seconds() -> None:
    assert load_settings({TTL: "60"}, None).tracing.retention_ms == 60_000
    assert load_settings({TTL: "604800"}, None).tracing.retention_ms == 604_800_000


def test_an_earlier_name_counts_in_the_file_and_says_its_source() -> None:
    settings = load_settings({}, f"{TTL}=60\n")
    assert settings.tracing.retention_ms == 60_000
    assert settings.given["TRACE_RETENTION_MS"].source is Source.FILE


def test_a_settings_own_name_wins_in_the_same_source() -> None:
    own = {"TRACE_SAMPLING_ENABLED": "false", "TRACE_RETENTION_MS": "1000"}
    tracing = load_settings({RATE: "0.25", TTL: "60", **own}, None).tracing
    assert (tracing.enabled, tracing.rate, tracing.retention_ms) == (False, 0.25, 1000)


def test_an_empty_own_name_is_unset_and_lets_the_earlier_name_count() -> None:
    assert load_settings({TTL: "60", "TRACE_RETENTION_MS": " "}, None).tracing.retention_ms == 60_000


def test_the_environment_wins_over_the_file_under_either_name() -> None:
    assert load_settings({TTL: "60"}, "TRACE_RETENTION_MS=1000\n").tracing.retention_ms == 60_000
    assert load_settings({"TRACE_RETENTION_MS": "1000"}, f"{TTL}=60\n").tracing.retention_ms == 1000


@pytest.mark.parametrize("name", ALIASES)
@pytest.mark.parametrize("in_file", [True, False])
def test_each_earlier_name_is_told_at_the_start_and_once(name: str, *, in_file: bool) -> None:
    settings = load_settings(CLOSED, f"{name}=1\n") if in_file else load_settings({**CLOSED, name: "1"}, None)
    (line,) = settings.warnings
    assert line.startswith(f"{name} is an earlier name; it sets {ALIASES[name].stands_for}")


@pytest.mark.parametrize(
    ("name", "text"), [(RATE, "1.5"), (RATE, "much"), (TTL, "0"), (TTL, "604801"), (TTL, "1\x07")]
)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_bad_value_is_refused_under_the_name_that_was_given(name: str, text: str, *, in_file: bool) -> None:
    given = ({}, f"{name}={text}\n") if in_file else ({name: text}, None)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(*given)
    assert str(refused.value).startswith(f"{name}: ")
    assert f"is refused; allowed: {ALIASES[name].reader.allowed}" in str(refused.value)


def test_an_earlier_name_is_neither_a_setting_nor_one_without_effect() -> None:
    assert ALIASES.keys().isdisjoint(KNOWN.keys() | FORMER.keys())


def test_what_an_earlier_name_sets_are_settings() -> None:
    assert {name for alias in ALIASES.values() for name in alias.meaning("1")} <= KNOWN.keys()
