"""The table of kinds: each kind that the settings can name has its line."""

import pytest

from mix2api.settings import UpstreamKind, load_settings
from mix2api.upstreams.kinds import KINDS, kind_of


@pytest.mark.parametrize("kind", UpstreamKind)
def test_every_kind_is_in_the_table(kind: UpstreamKind) -> None:
    assert kind_of(load_settings({"MIX2API_UPSTREAM": kind.value}, None)) is KINDS[kind]
