"""Settings to the option groups of the parts: with `storing` the only place that knows both."""

from collections.abc import Callable
from typing import Final

from mix2api import __version__
from mix2api.actors.budgets import BudgetOptions, SummaryAsk
from mix2api.actors.environment import ActorOptions
from mix2api.budget.profile import Defaults
from mix2api.budget.summary import SummaryBounds
from mix2api.budget.trimming import TrimOptions
from mix2api.counting.profile_files import ProfileSources
from mix2api.edge.auth import parse_keys
from mix2api.edge.options import ConnectionLimits, EdgeOptions, InboundKey
from mix2api.errors import ConfigurationError
from mix2api.sessions.canonical import canonical_json
from mix2api.settings import InboundAuthMode, Settings, StoreMode, SummaryKind, Think, UpstreamAuthMode
from mix2api.telemetry.options import TelemetryOptions
from mix2api.upstreams.http.client import HttpOptions
from mix2api.upstreams.http.limits import KeepAlive, Retries, Timeouts
from mix2api.upstreams.kinds import kind_of
from mix2api.vocabulary import ProcessId

_REFUSAL_S: Final = 1.0
"""The worker looks for turns past their deadline every quarter of a second, and mail takes some milliseconds."""


def actor_options(settings: Settings, tools_in_text: Callable[[str], bool]) -> ActorOptions:
    """The actors'.

    Args:
        settings: the process's.
        tools_in_text: whether the site of a model has no native tools.
    """
    working = settings.working
    return ActorOptions(
        queue_timeout_s=working.queue_timeout_ms / 1000,
        max_concurrency=working.max_concurrency,
        queue_max=working.queue_max,
        chunk_window_s=working.chunk_window_ms / 1000,
        idle_s=float(working.actor_idle_s),
        idle_max=working.actor_idle_max,
        session_ttl_s=settings.sessions.ttl_ms / 1000,
        messages_max=settings.sessions.messages_max,
        message_max_chars=settings.sessions.message_max_chars,
        tools_in_text=tools_in_text,
        thought_apart=settings.tools.think is Think.REASONING,
        tool_result_max_chars=settings.tools.result_max_chars,
        system_prompt_max_chars=settings.tools.system_prompt_max_chars,
        tools_max=settings.tools.told_max or 0,
        tool_description_max_chars=settings.tools.description_max_chars,
        answer_bytes=settings.network.answer_max_bytes,
        backlog_bytes=working.stream_backlog_bytes,
        stall_s=float(settings.listening.client_stall_s),
        expose_account=settings.pool.exposes,
    )


def profile_sources(settings: Settings) -> ProfileSources:
    """Where the profiles of models come from."""
    budget = settings.budget
    return ProfileSources(
        defaults=Defaults(
            context_window=budget.context_window,
            max_input_tokens=budget.max_input_tokens,
            max_new_tokens=budget.max_new_tokens,
        ),
        said=budget.profiles,
        file=budget.profiles_file,
    )


def trim_options(settings: Settings) -> TrimOptions:
    """How histories are trimmed."""
    budget = settings.budget
    bounds = SummaryBounds(max_chars=budget.summary_max_chars, max_lines=budget.summary_max_lines)
    return TrimOptions(
        recent_messages=budget.recent_messages,
        message_max_chars=budget.message_max_chars,
        headroom=budget.headroom,
        summary=bounds if budget.summary_enabled else None,
    )


def budget_options(settings: Settings) -> BudgetOptions:
    """How turns are planned."""
    return BudgetOptions(
        reserved_output=settings.budget.reserved_output,
        warned_models=settings.budget.warned_models,
        trim=trim_options(settings),
        ask=summary_ask(settings),
    )


def summary_ask(settings: Settings) -> SummaryAsk | None:
    """How a model is asked for summaries; None where none is."""
    budget = settings.budget
    if not budget.summary_enabled or budget.summary is not SummaryKind.MODEL:
        return None
    return SummaryAsk(timeout_s=budget.summary_timeout_ms / 1000, input_tokens=budget.summary_input_tokens)


def site_form(settings: Settings) -> bytes:
    """What of the upstream must be equal for its sessions to mean the same: part of every realm.

    An edge by itself has to have the same settings as its workers, or it finds no session.
    """
    site, auth = settings.site, settings.upstream_auth
    return canonical_json(
        [
            site.kind.value,
            site.api_base,
            *kind_of(settings).form(settings),
            auth.mode.value,
            account_form(settings).decode() if auth.mode is UpstreamAuthMode.MANAGED else auth.bearer_token,
            # Sessions of a pool name their account; those of a time before it do not.
            *(() if settings.pool.file is None else ("accounts",)),
        ]
    )


def account_form(settings: Settings) -> bytes:
    """What names the account that a managed credential is fetched for; secret, to be digested."""
    auth = settings.upstream_auth
    headers, body = dict(auth.token_headers or {}), auth.token_body or {}
    return canonical_json([token_url(settings), auth.token_method.value, headers, body, auth.token_field])


def token_url(settings: Settings) -> str:
    """The token endpoint: the one that is named, else below the site's base URL."""
    auth = settings.upstream_auth
    return auth.token_url or f"{settings.site.api_base}{auth.token_path}"


def http_options(settings: Settings) -> HttpOptions:
    """The upstream client's."""
    network = settings.network
    return HttpOptions(
        timeouts=Timeouts(
            connect=network.connect_timeout_ms / 1000,
            first_byte=network.first_byte_ms / 1000,
            idle=network.idle_timeout_ms / 1000,
            silent=network.silence_timeout_ms / 1000,
            total=network.total_timeout_ms / 1000,
        ),
        retries=Retries(count=network.retry_count, base_s=network.retry_base_ms / 1000),
        keep_alive=KeepAlive(enabled=network.keep_alive),
        ca_file=network.ca_file,
        answer_limit=network.answer_max_bytes,
    )


def edge_options(settings: Settings, process: ProcessId) -> EdgeOptions:
    """The edge's.

    Raises:
        ConfigurationError: the keys file cannot be read.
    """
    listening, auth = settings.listening, settings.inbound_auth
    return EdgeOptions(
        process=process,
        version=__version__,
        models=listening.models,
        channel=settings.release.channel,
        auth_mode=auth.mode,
        bearer_token=auth.bearer_token or "",
        metrics_token=settings.watching.metrics_token or "",
        keys=inbound_keys(settings) if auth.mode is InboundAuthMode.KEYS else (),
        session_key_mode=settings.isolation.key_mode,
        session_key_header=settings.isolation.key_header,
        cors_origins=listening.cors_origins or (),
        pass_authorization=settings.upstream_auth.mode is UpstreamAuthMode.PASS_THROUGH,
        body_limit=listening.body_limit,
        connections=ConnectionLimits(connections=listening.max_connections),
        early_headers_ms=listening.early_headers_ms,
        hold_headers_s=settings.working.queue_timeout_ms / 1000 + _REFUSAL_S,
        keepalive_s=float(listening.keepalive_s),
        stall_limit_s=float(listening.client_stall_s),
        log_headers=settings.logging.headers,
        log_bodies=settings.logging.bodies,
        store_mode=(StoreMode.REDIS if settings.storing.url is not None else StoreMode.MEMORY).value,
        lenient_limits=settings.budget.lenient_limits,
        expose_stack=listening.expose_stack,
    )


def telemetry_options(settings: Settings, process: ProcessId) -> TelemetryOptions:
    """Those of OpenTelemetry."""
    telemetry = settings.telemetry
    return TelemetryOptions(
        endpoint=telemetry.endpoint,
        headers=telemetry.headers or {},
        service=telemetry.service,
        version=__version__,
        process=process,
        provider=settings.site.kind.value,
        models=frozenset(settings.listening.models),
    )


def inbound_keys(settings: Settings) -> tuple[InboundKey, ...]:
    """The named keys that callers may have.

    Raises:
        ConfigurationError: their file is not named, cannot be read, or is wrong.
    """
    path = settings.inbound_auth.keys_file
    if path is None:
        raise ConfigurationError("INBOUND_KEYS_FILE is required with INBOUND_AUTH_MODE=keys")
    try:
        return parse_keys(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigurationError(f"INBOUND_KEYS_FILE: {path} cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigurationError(f"INBOUND_KEYS_FILE: {path} is not UTF-8") from fault
