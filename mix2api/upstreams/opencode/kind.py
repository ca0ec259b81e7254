"""The `opencode` kind as the table of kinds has it: its settings to its options."""

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from pathlib import Path
from typing import Final

from attrs import evolve

from mix2api.errors import ConfigurationError
from mix2api.randomness import Randomness
from mix2api.settings import Settings, UpstreamAuthMode
from mix2api.settings.choices import Permissions
from mix2api.settings.loading import KNOWN, OURS
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.kind import Kind
from mix2api.upstreams.opencode.api import RuntimeApi
from mix2api.upstreams.opencode.context_server import ContextServer
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.feed import EventFeed
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.upstreams.opencode.memory_transcripts import MemoryTranscripts
from mix2api.upstreams.opencode.opencode import OpenCodeUpstream
from mix2api.upstreams.opencode.options import OpenCodeOptions, Profile
from mix2api.upstreams.opencode.remembering import Bounds, Memory
from mix2api.upstreams.opencode.supervised import HOST, Launch, SupervisedRuntime, free_port
from mix2api.upstreams.opencode.sweeping import Sweeper
from mix2api.upstreams.port import Upstream, UpstreamFault
from mix2api.upstreams.surroundings import Remark, Surroundings

_EVENTS_IDLE_S: Final = 45.0
"""The server sends a heartbeat every ten seconds: after four that are missing the stream is dead."""
_EVENTS_BYTES: Final = 1 << 62
"""The stream of events has no end, so its bytes have no bound; each event has."""
_OTHER_CREDENTIALS: Final = frozenset({UpstreamAuthMode.MANAGED, UpstreamAuthMode.PASS_THROUGH})
_PROFILE: Final = frozenset({"model", "agent"})
_PASSWORD_BYTES: Final = 24


def _upstream(settings: Settings, client: HttpClient, surroundings: Surroundings) -> Upstream:
    options, launch, supervised = _options(settings), launch_of(settings), None
    if launch is not None:
        supervised = SupervisedRuntime(launch, free_port(), surroundings.tell)
        password = options.password or _word()
        options = evolve(options, url=f"http://{HOST}:{supervised.port}", password=password)
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
        memory=Memory(
            surroundings.transcripts or MemoryTranscripts(),
            _memory_bounds(settings),
            surroundings.tell,
            surroundings.clock,
        ),
        context_server=_context_server(settings, contexts),
        supervised=supervised,
        tell=surroundings.tell,
    )


def _memory_bounds(settings: Settings) -> Bounds:
    return Bounds(ttl_s=settings.opencode.transcript_ttl_s, bytes=settings.opencode.transcript_bytes)


def _context_server(settings: Settings, contexts: RunContexts) -> ContextServer | None:
    runtime = settings.opencode
    if runtime.context_token is not None:
        return ContextServer(contexts, runtime.context_token, runtime.context_port)
    return None if runtime.command is None else ContextServer(contexts, _word(), 0)


def _word() -> str:
    """A password or bearer that only this process and its runtime know."""
    return Randomness().take(_PASSWORD_BYTES).hex()


def launch_of(settings: Settings) -> Launch | None:
    """How the runtime is started; None: somebody else starts it.

    The runtime gets this process's environment, because its models' API keys stand there, without the settings of mix2api: its
    tools run what a model says.

    Raises:
        ConfigurationError: there is no such program, or no such directory.
    """
    runtime = settings.opencode
    if runtime.command is None:
        return None
    program, *arguments = runtime.command
    found = shutil.which(program)
    if found is None:
        raise ConfigurationError(
            f"OPENCODE_COMMAND, or the runtime's command: there is no program `{program}`"
        )
    if runtime.directory is not None and not Path(runtime.directory).is_dir():
        raise ConfigurationError(f"OPENCODE_DIRECTORY: `{runtime.directory}` is no directory")
    ours = {name for name in os.environ if name in KNOWN or name.startswith(OURS)}
    return Launch(
        command=(str(Path(found).absolute()), *arguments),
        directory=runtime.directory,
        environ={name: value for name, value in os.environ.items() if name not in ours},
    )


def _keep(upstream: Upstream) -> Callable[[], Awaitable[None]] | None:
    return upstream.keep if isinstance(upstream, OpenCodeUpstream) else None


def _runtime_runs(upstream: Upstream) -> Callable[[], int] | None:
    return upstream.count_runs if isinstance(upstream, OpenCodeUpstream) else None


def _form(settings: Settings) -> list[object]:
    """What an answer depends on. Its order is part of every realm: it never changes."""
    runtime = settings.opencode
    place = runtime.url if runtime.command is None else list(runtime.command)
    return [place, runtime.directory, runtime.model, runtime.agent, dict(runtime.profiles)]


def _tools_in_text(_: Settings) -> bool:
    return False


OPENCODE: Final = Kind(
    upstream=_upstream,
    form=_form,
    tools_in_text=_tools_in_text,
    keep=_keep,
    runtime_runs=_runtime_runs,
    bridges=True,
)


def _options(settings: Settings) -> OpenCodeOptions:
    runtime, network = settings.opencode, settings.network
    if runtime.url is None and runtime.command is None:
        raise ConfigurationError(
            "OPENCODE_URL is required: the base URL of the OpenCode server, http://…; or OPENCODE_COMMAND, which starts one"
        )
    if runtime.url is not None and runtime.command is not None:
        raise ConfigurationError("OPENCODE_COMMAND: does not go with OPENCODE_URL: give one of them")
    if settings.upstream_auth.mode in _OTHER_CREDENTIALS:
        raise ConfigurationError(
            "UPSTREAM_AUTH_MODE: an OpenCode server knows its own password only (OPENCODE_SERVER_PASSWORD); allowed: static, none"
        )
    if settings.dynamic_base.enabled:
        raise ConfigurationError(
            "UPSTREAM_DYNAMIC_BASE_ENABLED: requests cannot choose their runtime with MIX2API_UPSTREAM=opencode"
        )
    return OpenCodeOptions(
        url=runtime.url or f"http://{HOST}",
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
