"""The `opencode` kind as the table of kinds has it: its settings to its options."""

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Final

from mix2api.errors import ConfigurationError
from mix2api.settings import Settings, UpstreamAuthMode
from mix2api.settings.choices import Permissions
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.kind import Kind
from mix2api.upstreams.opencode.api import RuntimeApi
from mix2api.upstreams.opencode.context_server import ContextServer
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.feed import EventFeed
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.upstreams.opencode.opencode import OpenCodeUpstream
from mix2api.upstreams.opencode.options import OpenCodeOptions, Profile
from mix2api.upstreams.opencode.sweeping import Sweeper
from mix2api.upstreams.port import Upstream, UpstreamFault
from mix2api.upstreams.surroundings import Remark, Surroundings

_EVENTS_IDLE_S: Final = 45.0
"""The server sends a heartbeat every ten seconds: after four that are missing the stream is dead."""
_EVENTS_BYTES: Final = 1 << 62
"""The stream of events has no end, so its bytes have no bound; each event has."""
_OTHER_CREDENTIALS: Final = frozenset({UpstreamAuthMode.MANAGED, UpstreamAuthMode.PASS_THROUGH})
_PROFILE: Final = frozenset({"model", "agent"})


def _upstream(settings: Settings, client: HttpClient, surroundings: Surroundings) -> Upstream:
    options = _options(settings)
    api = RuntimeApi(options, client, surroundings.clock)
    events = _events_options(settings)

    def connect() -> HttpClient:
        return HttpClient(events, surroundings.clock)

    def tell_away(fault: UpstreamFault) -> None:
        surroundings.tell(
            Remark(event="runtime.events_lost", facts={"why": f"{fault.end_reason}/{fault.detail}"})
        )

    feed = EventFeed(api.events_request(), connect, tell_away)
    contexts = RunContexts(surroundings.sessions or MemoryRuntimeSessions(), surroundings)
    return OpenCodeUpstream(
        options=options,
        api=api,
        feed=feed,
        contexts=contexts,
        sweeper=Sweeper(api, contexts, surroundings),
        context_server=_context_server(settings, contexts),
        tell=surroundings.tell,
    )


def _context_server(settings: Settings, contexts: RunContexts) -> ContextServer | None:
    runtime = settings.opencode
    if runtime.context_token is None:
        return None
    return ContextServer(contexts, runtime.context_token, runtime.context_port)


def _keep(upstream: Upstream) -> Callable[[], Awaitable[None]] | None:
    return upstream.keep if isinstance(upstream, OpenCodeUpstream) else None


def _form(settings: Settings) -> list[object]:
    """What an answer depends on. Its order is part of every realm: it never changes."""
    runtime = settings.opencode
    return [runtime.url, runtime.directory, runtime.model, runtime.agent, dict(runtime.profiles)]


def _tools_in_text(_: Settings) -> bool:
    return False


OPENCODE: Final = Kind(upstream=_upstream, form=_form, tools_in_text=_tools_in_text, keep=_keep, bridges=True)


def _options(settings: Settings) -> OpenCodeOptions:
    runtime, network = settings.opencode, settings.network
    if runtime.url is None:
        raise ConfigurationError("OPENCODE_URL is required: the base URL of the OpenCode server, http://…")
    if settings.upstream_auth.mode in _OTHER_CREDENTIALS:
        raise ConfigurationError(
            "UPSTREAM_AUTH_MODE: an OpenCode server knows its own password only (OPENCODE_SERVER_PASSWORD); allowed: static, none"
        )
    if settings.dynamic_base.enabled:
        raise ConfigurationError(
            "UPSTREAM_DYNAMIC_BASE_ENABLED: requests cannot choose their runtime with MIX2API_UPSTREAM=opencode"
        )
    return OpenCodeOptions(
        url=runtime.url,
        password=runtime.password,
        directory=runtime.directory,
        default=Profile(model=_model(runtime.model, "OPENCODE_MODEL"), agent=runtime.agent),
        profiles=_profiles(runtime.profiles),
        allows=runtime.permissions is Permissions.ALLOW,
        shows_tools=runtime.shows_tools,
        call_s=runtime.call_timeout_ms / 1000,
        silence_s=network.idle_timeout_ms / 1000,
        total_s=network.total_timeout_ms / 1000 or inf,
        release_s=runtime.release_timeout_ms / 1000,
    )


def _events_options(settings: Settings) -> HttpOptions:
    network = settings.network
    return HttpOptions(
        timeouts=Timeouts(
            connect=network.connect_timeout_ms / 1000, idle=_EVENTS_IDLE_S, silent=0.0, total=0.0
        ),
        ca_file=network.ca_file,
        answer_limit=_EVENTS_BYTES,
    )


def _profiles(said: Mapping[str, object]) -> dict[str, Profile]:
    """The profiles.

    Raises:
        ConfigurationError: one is no object, or has a field that none has. The error names the model.
    """
    profiles: dict[str, Profile] = {}
    for name, fields in said.items():
        where = f"OPENCODE_PROFILES_JSON: `{name}`"
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise ConfigurationError(f"{where} must be an object of texts; allowed: model, agent")
        if unknown := sorted(fields.keys() - _PROFILE):
            raise ConfigurationError(f"{where} has the field `{unknown[0]}`; allowed: model, agent")
        profiles[name] = Profile(model=_model(fields.get("model"), where), agent=fields.get("agent"))
    return profiles


def _model(said: str | None, where: str) -> str | None:
    if said is not None and not all(said.partition("/")):
        raise ConfigurationError(f"{where}: the model is written as `provider/model`")
    return said
