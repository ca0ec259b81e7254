"""OpenTelemetry is made where the settings want it, and its absence is told in words."""

import sys

import pytest

from mix2api.clock import SystemClock
from mix2api.errors import ConfigurationError
from mix2api.process.telemetry import telemetry
from mix2api.settings import load_settings
from mix2api.vocabulary import ProcessId

_SITE = {"UPSTREAM_API_BASE": "https://site.example"}


async def test_by_default_there_is_none_and_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mix2api.telemetry.exporting", None)
    async with telemetry(load_settings(_SITE, None), ProcessId("p_test"), SystemClock()) as observing:
        assert observing is None


async def test_without_the_extra_the_setting_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mix2api.telemetry.exporting", None)
    settings = load_settings({**_SITE, "MIX2API_OTEL": "true"}, None)
    with pytest.raises(ConfigurationError, match=r"MIX2API_OTEL: .* pip install 'mix2api\[otel\]'"):
        async with telemetry(settings, ProcessId("p_test"), SystemClock()):
            raise AssertionError("nothing can be observed")
