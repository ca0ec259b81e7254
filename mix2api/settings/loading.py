"""Environment and `.env` to `Settings`: every bad setting is reported at once, nothing is silently ignored."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import attrs
from attrs import field, frozen

from mix2api.errors import ConfigurationError
from mix2api.settings.accounts import Pool
from mix2api.settings.aliases import ALIASES, alias_names, alias_problems, with_aliases
from mix2api.settings.budget import Budget
from mix2api.settings.choices import InboundAuthMode, StoreMode, UpstreamAuthMode, UpstreamKind
from mix2api.settings.conflicts import conflicting_lengths, idle
from mix2api.settings.console import Console
from mix2api.settings.conversations import Conversing
from mix2api.settings.dotenv import DotEnv, parse_dotenv
from mix2api.settings.former import FORMER, former_names
from mix2api.settings.groups import GROUPS
from mix2api.settings.inbound import InboundAuth, Isolation, Listening, Sessions
from mix2api.settings.new_api import NewApiGateway
from mix2api.settings.process import Logging, Release, Storing, Working
from mix2api.settings.setting import Setting, settings_of
from mix2api.settings.telemetry import Telemetry
from mix2api.settings.tools import Tools
from mix2api.settings.tracing import Tracing
from mix2api.settings.upstream import Network, Site
from mix2api.settings.upstream_auth import UpstreamAuth
from mix2api.settings.upstream_base import DynamicBase
from mix2api.settings.upstream_mix import MixSite
from mix2api.settings.upstream_opencode import OpenCodeSite
from mix2api.settings.watching import Watching

OURS: Final = "MIX2API_"
_LIKELY_TYPO: Final = 0.85
"""How near a foreign name in `.env` must be to one of ours to be remarked on; `.env` may serve other programs too."""

_LIKELY_TYPO_OF_OURS: Final = 0.6
_OF_ONE_UPSTREAM: Final = (
    *("MIX2API_UPSTREAM", "UPSTREAM_API_BASE", "UPSTREAM_AUTH_MODE", "UPSTREAM_BEARER_TOKEN"),
    *("MIX2API_ACCOUNTS_FILE", "UPSTREAM_DYNAMIC_BASE_ENABLED"),
    *("OPENCODE_URL", "OPENCODE_COMMAND", "OPENCODE_SERVER_PASSWORD"),
)
"""Settings that describe the only upstream."""

KNOWN: Final[Mapping[str, Setting]] = {
    setting.name: setting for group in GROUPS.values() for setting in settings_of(group).values()
}
"""Every name that is known."""


class Source(StrEnum):
    """Where a value came from."""

    DEFAULT = "default"
    ENVIRONMENT = "env"
    FILE = ".env"


@frozen
class Given:
    """What the operator gave for one name."""

    text: str = field(repr=False)
    source: Source


@frozen(kw_only=True)
class Settings:
    """All that takes effect, in groups; built by `load_settings`, read in `mix2api.cli` only."""

    listening: Listening = field(factory=Listening)
    inbound_auth: InboundAuth = field(factory=InboundAuth)
    isolation: Isolation = field(factory=Isolation)
    sessions: Sessions = field(factory=Sessions)
    site: Site = field(factory=Site)
    mix: MixSite = field(factory=MixSite)
    opencode: OpenCodeSite = field(factory=OpenCodeSite)
    network: Network = field(factory=Network)
    upstream_auth: UpstreamAuth = field(factory=UpstreamAuth)
    dynamic_base: DynamicBase = field(factory=DynamicBase)
    pool: Pool = field(factory=Pool)
    tools: Tools = field(factory=Tools)
    budget: Budget = field(factory=Budget)
    storing: Storing = field(factory=Storing)
    working: Working = field(factory=Working)
    release: Release = field(factory=Release)
    new_api: NewApiGateway = field(factory=NewApiGateway)
    logging: Logging = field(factory=Logging)
    watching: Watching = field(factory=Watching)
    tracing: Tracing = field(factory=Tracing)
    telemetry: Telemetry = field(factory=Telemetry)
    conversing: Conversing = field(factory=Conversing)
    console: Console = field(factory=Console)
    given: Mapping[str, Given] = field(factory=dict, repr=False)
    """What was given, by name; known names only."""
    warnings: tuple[str, ...] = ()
    """One line each, to be logged at start; no secrets in them."""


def load_settings(
    environ: Mapping[str, str], dotenv: str | None, *, required: Collection[str] = ()
) -> Settings:
    """Reads and checks everything.

    Args:
        environ: the process's environment; wins over `dotenv`. An empty value means unset.
        dotenv: the text of a `.env` file, if there is one.
        required: names that the command cannot do without (`UPSTREAM_API_BASE`).

    Raises:
        ConfigurationError: one line for every setting that is wrong; secrets are masked.
    """
    file = parse_dotenv(dotenv or "")
    given = _given(environ, file)
    values: dict[str, object] = {}
    problems = [*alias_problems(environ, file.values)]
    for name, setting in KNOWN.items():
        text = given[name].text if name in given else ""
        try:
            values[name] = setting.value(text)
        except ValueError:
            problems.append(f"{name}: {_quoted(setting, text)} is refused; allowed: {setting.reader.allowed}")
    settings = _grouped(values)
    # The file's tables say where upstreams are; a runtime has settings of its own for that.
    has_place = "MIX2API_UPSTREAMS_FILE" in given or settings.site.kind is UpstreamKind.OPENCODE
    problems += (
        f"{name}: is not set; {KNOWN[name].reader.allowed} is needed"
        for name in required
        if _lacks(name, given) and not has_place
    )
    problems += _contradictions(settings, given)
    if problems:
        raise ConfigurationError("\n".join(problems))
    warnings = (
        *file.remarks,
        *former_names(environ, file.values),
        *alias_names(environ, file.values),
        *_strangers(environ, file),
        *open_doors(settings),
        *_closed_doors(settings),
        *(
            f"{name} is not set: new-api is told no weights (NEWAPI_URL)"
            for name in settings.new_api.lacking()
        ),
        *idle(settings, given),
        *conflicting_lengths(settings, given),
    )
    return attrs.evolve(settings, given=given, warnings=warnings)


def _given(environ: Mapping[str, str], file: DotEnv) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for source, values in ((Source.ENVIRONMENT, environ), (Source.FILE, file.values)):
        named = with_aliases(values)
        for name in KNOWN:
            text = named.get(name, "").strip()
            if text and name not in found:
                found[name] = Given(text, source)
    return found


def _quoted(setting: Setting, text: str) -> str:
    shown = setting.shown(text)
    return f"`{shown}`" if shown.isprintable() else ascii(shown)


def _lacks(name: str, given: Mapping[str, Given]) -> bool:
    return name not in given and not KNOWN[name].default


def _grouped(values: Mapping[str, object]) -> Settings:
    """Groups of the values; a field whose value could not be read stays at its default."""
    groups: dict[str, Any] = {
        name: group(
            **{key: values[one.name] for key, one in settings_of(group).items() if one.name in values}
        )
        for name, group in GROUPS.items()
    }
    return Settings(**groups)


def _contradictions(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    storing, inbound = settings.storing, settings.inbound_auth
    if storing.mode is StoreMode.REDIS and "REDIS_URL" not in given:
        yield "REDIS_URL: is not set; SESSION_STORE_MODE=redis needs it"
    if storing.url is not None and "MIX2API_SECRET" not in given:
        yield "MIX2API_SECRET: is not set; with REDIS_URL every process needs the same one (`openssl rand -hex 32` makes one)"
    if settings.site.upstreams_file is not None:
        for name in _OF_ONE_UPSTREAM:
            if name in given:
                yield f"{name}: does not go with MIX2API_UPSTREAMS_FILE, whose tables say it for each upstream"
    if settings.conversing.enabled and settings.upstream_auth.mode is UpstreamAuthMode.PASS_THROUGH:
        yield (
            "MIX2API_CONVERSATIONS: does not go with UPSTREAM_AUTH_MODE=pass_through, "
            "because plans run when no caller's credential is at hand"
        )
    if inbound.mode is InboundAuthMode.KEYS and "INBOUND_KEYS_FILE" not in given:
        yield "INBOUND_KEYS_FILE: is not set; INBOUND_AUTH_MODE=keys needs it"


def open_doors(settings: Settings) -> Iterator[str]:
    """What of these settings lets everybody in, a line each: for the log at the start, and for `/health` ever after."""
    inbound = settings.inbound_auth
    if inbound.mode is InboundAuthMode.BEARER and inbound.bearer_token is None:
        yield "INBOUND_BEARER_TOKEN is not set: any bearer is accepted and only fingerprinted"
    if inbound.mode is InboundAuthMode.NONE:
        yield "INBOUND_AUTH_MODE is none: everybody is served"


def _closed_doors(settings: Settings) -> Iterator[str]:
    """What is enabled, and yet always refused."""
    dynamic, upstream = settings.dynamic_base, settings.upstream_auth
    if dynamic.enabled and upstream.sends_own and not dynamic.allowlist:
        yield (
            "UPSTREAM_BASE_ALLOWLIST is not set: requests that choose their upstream are refused, "
            "because the deployment's credential would go wherever a caller says"
        )
    if dynamic.enabled and upstream.mode is UpstreamAuthMode.MANAGED and upstream.token_url is None:
        yield "UPSTREAM_TOKEN_URL is not set: requests that choose their upstream are refused (UPSTREAM_AUTH_MODE=managed)"


def _strangers(environ: Mapping[str, str], file: DotEnv) -> Iterator[str]:
    """Names that look like ours and are not known."""
    for name in sorted({*environ, *file.values} - KNOWN.keys() - FORMER.keys() - ALIASES.keys()):
        near = _nearest(name)
        if name.startswith(OURS) or (near and name in file.values):
            yield f"{name} is not known and ignored" + (f"; did you mean {near}?" if near else "")


def _nearest(name: str) -> str | None:
    """The known name that is most like it; our prefix, which most names share, says nothing and is left out."""
    bare = {known.removeprefix(OURS): known for known in KNOWN}
    likeness = _LIKELY_TYPO_OF_OURS if name.startswith(OURS) else _LIKELY_TYPO
    found = difflib.get_close_matches(name.removeprefix(OURS), bare, n=1, cutoff=likeness)
    return bare[found[0]] if found else None
