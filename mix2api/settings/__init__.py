"""Typed settings: read once by `mix2api.cli`, handed down as small frozen groups, never read elsewhere.

`inbound`, `upstream`, `tools`, `budget`, `process`, `watching` and `tracing` have the settings, `readers` the forms of values,
`loading` the checks, `showing` what an operator sees.
"""

from mix2api.settings.budget import Budget
from mix2api.settings.choices import (
    InboundAuthMode,
    LogFormat,
    LogLevel,
    SessionKeyMode,
    SessionReuse,
    StoreMode,
    SummaryKind,
    Think,
    TokenizerKind,
    ToolInstructionMode,
    UpstreamAuthMode,
    UpstreamKind,
)
from mix2api.settings.inbound import InboundAuth, Isolation, Listening, Sessions
from mix2api.settings.loading import Settings, Source, load_settings, open_doors
from mix2api.settings.new_api import NewApiGateway
from mix2api.settings.process import Logging, Release, Storing, Working
from mix2api.settings.showing import EffectiveRow, effective, render_docs
from mix2api.settings.tools import Tools
from mix2api.settings.upstream import Network, Site
from mix2api.settings.upstream_auth import UpstreamAuth
from mix2api.settings.upstream_base import DynamicBase
from mix2api.settings.upstream_mix import MixSite

__all__ = [
    "Budget",
    "DynamicBase",
    "EffectiveRow",
    "InboundAuth",
    "InboundAuthMode",
    "Isolation",
    "Listening",
    "LogFormat",
    "LogLevel",
    "Logging",
    "MixSite",
    "Network",
    "NewApiGateway",
    "Release",
    "SessionKeyMode",
    "SessionReuse",
    "Sessions",
    "Settings",
    "Site",
    "Source",
    "StoreMode",
    "Storing",
    "SummaryKind",
    "Think",
    "TokenizerKind",
    "ToolInstructionMode",
    "Tools",
    "UpstreamAuth",
    "UpstreamAuthMode",
    "UpstreamKind",
    "Working",
    "effective",
    "load_settings",
    "open_doors",
    "render_docs",
]
