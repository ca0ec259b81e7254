"""The configured upstream with what lives beside it: its connections, its credential, the choice that requests have."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

import msgspec
from attrs import evolve, frozen

from mix2api.edge.upstream_bases import OnlyTheConfigured, UpstreamBases
from mix2api.process.groups import account_form, http_options, token_url
from mix2api.sealing import Seal
from mix2api.settings import Settings, UpstreamAuthMode
from mix2api.upstreams.base_url import BaseUrlOptions, BaseUrls, CheckedUpstream
from mix2api.upstreams.credentials.grant import GrantFields
from mix2api.upstreams.credentials.login import HttpLogin, LoginOptions
from mix2api.upstreams.credentials.managed import LoginReport, ManagedCredential, ManagedOptions
from mix2api.upstreams.credentials.renewing import RenewingUpstream
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.connection import Dialer
from mix2api.upstreams.http.limits import KeepAlive, Retries, Timeouts
from mix2api.upstreams.kinds import kind_of
from mix2api.upstreams.port import Upstream
from mix2api.upstreams.surroundings import Surroundings
from mix2api.vault import Vault


@frozen
class ConfiguredUpstream:
    """What a worker calls."""

    upstream: Upstream
    credential: ManagedCredential | None = None
    """Its `keep` has to run."""
    keep: Callable[[], Awaitable[None]] | None = None
    """What the upstream itself needs to have running; None: nothing."""
    runtime_runs: Callable[[], int] | None = None
    """Counts the runs in a runtime; None: there is none."""


@contextmanager
def configured_upstream(
    settings: Settings,
    vault: Vault,
    seal: Seal,
    surroundings: Surroundings,
    on_login: Callable[[LoginReport], None],
    dialer: Dialer | None = None,
) -> Iterator[ConfiguredUpstream]:
    """The upstream that the settings name; its idle connections are closed on the way out.

    Raises:
        ConfigurationError: a setting that it needs is not there.
    """
    clock = surroundings.clock
    with closing(HttpClient(http_options(settings), clock, dialer=dialer)) as client:
        kind, bases = kind_of(settings), _base_options(settings)
        chosen = kind.upstream(settings, client, surroundings)
        if settings.upstream_auth.mode is not UpstreamAuthMode.MANAGED:
            yield ConfiguredUpstream(
                CheckedUpstream(chosen, bases), keep=kind.keep(chosen), runtime_runs=kind.runtime_runs(chosen)
            )
            return
        with closing(HttpClient(_login_http_options(settings))) as login_client:
            login = HttpLogin(_login_options(settings), login_client, clock)
            credential = ManagedCredential(_managed_options(settings, seal), login, vault, clock, on_login)
            retries = settings.upstream_auth.recovery_retries
            renewing = RenewingUpstream(chosen, credential, retries)
            yield ConfiguredUpstream(CheckedUpstream(renewing, bases), credential)


def upstream_bases(settings: Settings) -> UpstreamBases:
    """Which upstreams requests may choose."""
    return BaseUrls(_base_options(settings)) if settings.dynamic_base.enabled else OnlyTheConfigured()


def _base_options(settings: Settings) -> BaseUrlOptions:
    dynamic, auth = settings.dynamic_base, settings.upstream_auth
    refusal = ""
    if settings.pool.file is not None:
        refusal = "this server's upstream is a pool of accounts"
    elif not dynamic.enabled:
        refusal = "this server's upstream cannot be chosen"
    elif auth.sends_own and not dynamic.allowlist:
        refusal = "this server has no list of hosts that its credential may go to"
    elif auth.mode is UpstreamAuthMode.MANAGED and auth.token_url is None:
        refusal = "this server has no token endpoint of its own"
    return BaseUrlOptions(
        allowlist=dynamic.allowlist or ("*",),
        allow_http=dynamic.allow_http,
        allow_private=dynamic.allow_private,
        refusal=refusal,
        lookup_s=settings.network.connect_timeout_ms / 1000,
    )


def _login_options(settings: Settings) -> LoginOptions:
    auth = settings.upstream_auth
    return LoginOptions(
        url=token_url(settings),
        method=auth.token_method.value.upper(),
        headers=tuple((auth.token_headers or {}).items()),
        body=b"" if auth.token_body is None else msgspec.json.encode(auth.token_body),
        fields=GrantFields(token=auth.token_field, expires_in=auth.expires_in_field),
    )


def _login_http_options(settings: Settings) -> HttpOptions:
    """The chat's trust with the login's own limit; logins are too seldom for connections to be kept."""
    limit_s = settings.upstream_auth.token_timeout_ms / 1000
    return evolve(
        http_options(settings),
        timeouts=Timeouts(connect=limit_s, first_byte=limit_s, idle=limit_s, total=limit_s),
        retries=Retries(count=0),
        keep_alive=KeepAlive(enabled=False),
    )


def _managed_options(settings: Settings, seal: Seal) -> ManagedOptions:
    auth = settings.upstream_auth
    return ManagedOptions(
        name=seal.digest(account_form(settings), "credential"),
        login_s=auth.token_timeout_ms / 1000,
        skew_ms=auth.expiry_skew_ms,
    )
