"""The table of kinds: each kind is either built, and in the table, or refused by the settings."""

import pytest
from attrs import evolve

from mix2api.errors import ConfigurationError
from mix2api.settings import Settings, UpstreamKind, load_settings
from mix2api.upstreams.kinds import KINDS, kind_of

BASE = {"UPSTREAM_API_BASE": "https://site.example"}


@pytest.mark.parametrize("kind", UpstreamKind)
def test_a_kind_is_in_the_table_or_refused_by_the_settings(kind: UpstreamKind) -> None:
    given = BASE | {"MIX2API_UPSTREAM": kind.value}
    if kind in KINDS:
        assert kind_of(load_settings(given, None)) is KINDS[kind]
    else:
        with pytest.raises(ConfigurationError, match="MIX2API_UPSTREAM"):
            load_settings(given, None)


def test_a_kind_without_a_line_is_refused_by_the_table_too() -> None:
    settings = Settings()
    with pytest.raises(ConfigurationError, match="MIX2API_UPSTREAM"):
        kind_of(evolve(settings, site=evolve(settings.site, kind=UpstreamKind.OPENCODE)))
