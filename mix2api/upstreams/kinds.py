"""The table of kinds: one line for each kind of upstream that is built.

To add a kind, write its folder beside `mix/`, its group of settings (`mix2api/settings/upstream_NAME.py`), and its line here.
"""

from collections.abc import Mapping
from typing import Final

from mix2api.settings import Settings, UpstreamKind
from mix2api.upstreams.kind import Kind
from mix2api.upstreams.mix.kind import MIX
from mix2api.upstreams.openai.kind import OPENAI
from mix2api.upstreams.opencode.kind import OPENCODE
from mix2api.upstreams.responses.kind import RESPONSES

KINDS: Final[Mapping[UpstreamKind, Kind]] = {
    UpstreamKind.MIX: MIX,
    UpstreamKind.OPENAI: OPENAI,
    UpstreamKind.RESPONSES: RESPONSES,
    UpstreamKind.OPENCODE: OPENCODE,
}


def kind_of(settings: Settings) -> Kind:
    """The kind that the settings name."""
    return KINDS[settings.site.kind]
