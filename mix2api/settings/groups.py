"""The settings that take effect, as frozen groups that are handed down: one field, one setting.

A field's name is the code's word, the setting's name the operator's. Whoever needs a setting is given its group (or the
value), never the environment. `Group()` stands at the defaults, which is handy in tests.
"""

from collections.abc import Mapping
from typing import Final

from mix2api.settings.accounts import Pool
from mix2api.settings.budget import Budget
from mix2api.settings.console import Console
from mix2api.settings.conversations import Conversing
from mix2api.settings.inbound import InboundAuth, Isolation, Listening, Sessions
from mix2api.settings.new_api import NewApiGateway
from mix2api.settings.process import Logging, Release, Storing, Working
from mix2api.settings.telemetry import Telemetry
from mix2api.settings.tools import Tools
from mix2api.settings.tracing import Tracing
from mix2api.settings.upstream import Network, Site
from mix2api.settings.upstream_auth import UpstreamAuth
from mix2api.settings.upstream_base import DynamicBase
from mix2api.settings.upstream_mix import MixSite
from mix2api.settings.upstream_opencode import OpenCodeSite
from mix2api.settings.watching import Watching

GROUPS: Final[Mapping[str, type]] = {
    "listening": Listening,
    "inbound_auth": InboundAuth,
    "isolation": Isolation,
    "sessions": Sessions,
    "site": Site,
    "mix": MixSite,
    "opencode": OpenCodeSite,
    "network": Network,
    "upstream_auth": UpstreamAuth,
    "dynamic_base": DynamicBase,
    "pool": Pool,
    "tools": Tools,
    "budget": Budget,
    "storing": Storing,
    "working": Working,
    "release": Release,
    "new_api": NewApiGateway,
    "logging": Logging,
    "watching": Watching,
    "tracing": Tracing,
    "telemetry": Telemetry,
    "conversing": Conversing,
    "console": Console,
}
"""Field of `Settings` -> group, in the order of the documentation."""
