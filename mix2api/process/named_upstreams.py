"""The upstreams of a process: the one that the settings describe, or those of `MIX2API_UPSTREAMS_FILE`.

Each has settings of its own: those that a process in front of this upstream alone would have. So the parts of an upstream are
built in one way, whether there are others or not.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from mix2api.actors.run_tools import all_in_text, none_in_text
from mix2api.errors import ConfigurationError
from mix2api.model_prefixes import ByPrefix
from mix2api.process.accounts import accounts_around
from mix2api.process.groups import site_form
from mix2api.process.text_file import text_of
from mix2api.process.upstream import ConfiguredUpstream, configured_upstream
from mix2api.sealing import Seal
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.sessions.sites import Site, Sites
from mix2api.settings import Settings, UpstreamAuthMode, UpstreamKind
from mix2api.store.store import Store
from mix2api.upstreams.by_prefix import PrefixedUpstream, UpstreamsByPrefix
from mix2api.upstreams.credentials.managed import LoginReport
from mix2api.upstreams.credentials.reference import credential_at
from mix2api.upstreams.http.connection import Dialer
from mix2api.upstreams.kept import Keeps, Kept
from mix2api.upstreams.kinds import kind_of
from mix2api.upstreams.listed import ListedKind, ListedUpstream, read_upstreams
from mix2api.upstreams.owning import OwningUpstream
from mix2api.upstreams.surroundings import Surroundings
from mix2api.upstreams.waiting_line import WaitingLine

_THE_ONE: Final = "upstream"


@frozen(kw_only=True)
class NamedUpstream:
    """One upstream of a process."""

    settings: Settings
    """As a process in front of this upstream alone would have them."""
    name: str = _THE_ONE
    pool: str
    """The name of its accounts' pool in the store."""
    prefix: str = ""
    strips_prefix: bool = False
    models: tuple[str, ...] = ()
    """Shown to clients beside `MODEL_LIST`."""
    max_concurrency: int | None = None


def named_upstreams(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[NamedUpstream, ...]:
    """All upstreams of a process.

    Raises:
        ConfigurationError: the file cannot be read, is wrong, or a credential is not where it should be.
    """
    path = settings.site.upstreams_file
    if path is None:
        return (NamedUpstream(settings=settings, pool=settings.site.kind.value),)
    listed = read_upstreams(text_of(path, "MIX2API_UPSTREAMS_FILE"), str(path))
    return tuple(
        _named(settings, one, f"{path}: upstream {at} ({one.name})", environ)
        for at, one in enumerate(listed, 1)
    )


def upstream_called(settings: Settings, name: str | None) -> NamedUpstream:
    """One upstream by its name.

    Args:
        settings: of the process.
        name: None: the only one.

    Raises:
        ConfigurationError: there is none of that name, or several and no name.
    """
    upstreams = named_upstreams(settings)
    found = [one for one in upstreams if name in {None, one.name}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in upstreams)
    raise ConfigurationError(f"--upstream: must be one of {names}")


def _named(
    settings: Settings, listed: ListedUpstream, where: str, environ: Mapping[str, str]
) -> NamedUpstream:
    secret = None
    if listed.credential is not None:
        secret = credential_at(listed.credential, environ)
        if secret is None:
            raise ConfigurationError(f"{where}: credential: {listed.credential} leads to no credential")
    limits: dict[str, Any] = dict(listed.limits)
    is_runtime = listed.kind is ListedKind.OPENCODE
    own = evolve(
        settings,
        listening=evolve(settings.listening, models=_known_models(settings, listed)),
        site=evolve(settings.site, kind=UpstreamKind(listed.kind.value), api_base=listed.base_url),
        network=evolve(settings.network, **limits),
        upstream_auth=evolve(
            settings.upstream_auth,
            mode=UpstreamAuthMode.NONE if secret is None or is_runtime else UpstreamAuthMode.STATIC,
            bearer_token=None if is_runtime else secret,
        ),
        opencode=evolve(settings.opencode, url=listed.base_url, command=listed.command, password=secret)
        if is_runtime
        else settings.opencode,
        pool=evolve(settings.pool, file=None if listed.accounts_file is None else Path(listed.accounts_file)),
    )
    return NamedUpstream(
        settings=own,
        name=listed.name,
        pool=listed.name,
        prefix=listed.prefix,
        strips_prefix=listed.strips_prefix,
        models=listed.models,
        max_concurrency=listed.max_concurrency,
    )


def _known_models(settings: Settings, listed: ListedUpstream) -> tuple[str, ...]:
    """The models that are shown and may be this upstream's, under the names that it has for them."""
    shown = dict.fromkeys([*settings.listening.models, *listed.models])
    ours = [model for model in shown if model.startswith(listed.prefix)]
    return tuple(model.removeprefix(listed.prefix) for model in ours) if listed.strips_prefix else tuple(ours)


def with_models(settings: Settings, upstreams: Sequence[NamedUpstream]) -> Settings:
    """The settings with all models that are shown: those of `MODEL_LIST` that an upstream serves, then the upstreams' own."""
    served = ByPrefix({one.prefix: one for one in upstreams})
    shown = [model for model in settings.listening.models if served.of(model) is not None]
    own = [model for one in upstreams for model in one.models]
    return evolve(settings, listening=evolve(settings.listening, models=tuple(dict.fromkeys([*shown, *own]))))


def sites_of(upstreams: Sequence[NamedUpstream], seal: Seal) -> Sites:
    """What the edge has to know of them."""
    return Sites(ByPrefix({one.prefix: _site(one, seal) for one in upstreams}))


def _site(upstream: NamedUpstream, seal: Seal) -> Site:
    digest = seal.digest(site_form(upstream.settings), "site")
    kind = kind_of(upstream.settings)
    return Site(
        digest=digest,
        passes_through=kind.passes_through,
        speaks_responses=kind.speaks_responses,
        bridges=kind.bridges,
        is_pool=upstream.settings.pool.file is not None,
    )


def tools_in_text_of(upstreams: Sequence[NamedUpstream]) -> Callable[[str], bool]:
    """Whether the site of a model has no native tools."""
    told = {one.prefix: kind_of(one.settings).tools_in_text(one.settings) for one in upstreams}
    if len(set(told.values())) == 1:
        return all_in_text if any(told.values()) else none_in_text
    in_text = ByPrefix(told)
    return lambda model: bool(in_text.of(model))


def keeps_of(upstreams: Sequence[NamedUpstream]) -> Keeps:
    """What the site of a turn's model keeps of the turn."""
    keeping = {one.prefix: kind_of(one.settings).keeps(one.settings) for one in upstreams}
    if len(keeping) == 1:
        return next(iter(keeping.values()))
    by_prefix = ByPrefix(keeping)

    def kept(prepared: PreparedTurn, *, is_told: bool) -> Kept:
        keeps = by_prefix.of(prepared.turn.model)
        return Kept() if keeps is None else keeps(prepared, is_told=is_told)

    return kept


@contextmanager
def called_upstream(
    upstreams: Sequence[NamedUpstream],
    store: Store,
    surroundings: Surroundings,
    on_login: Callable[[LoginReport], None],
    dialer: Dialer | None = None,
) -> Iterator[ConfiguredUpstream]:
    """What a worker calls; idle connections are closed on the way out.

    Raises:
        ConfigurationError: a setting is missing, or a file of accounts is wrong.
    """
    with ExitStack() as stack:
        made = {
            one.name: stack.enter_context(_configured(one, store, surroundings, on_login, dialer))
            for one in upstreams
        }
        configured = _together(upstreams, made)
        if any(kind_of(one.settings).speaks_responses for one in upstreams):
            owners = store.owners(upstreams[0].settings.pool.owner_ttl_s)
            configured = evolve(configured, upstream=OwningUpstream(configured.upstream, owners))
        yield configured


def _together(
    upstreams: Sequence[NamedUpstream], made: Mapping[str, ConfiguredUpstream]
) -> ConfiguredUpstream:
    """All of them behind one port; the only one itself."""
    if len(upstreams) == 1 and not upstreams[0].prefix and upstreams[0].max_concurrency is None:
        return made[upstreams[0].name]
    by_prefix = {one.prefix: _prefixed(one, made[one.name]) for one in upstreams}
    together = ConfiguredUpstream(UpstreamsByPrefix(ByPrefix(by_prefix)))
    # Only a runtime has anything to keep, and a file has one at most.
    kept = next((one for one in made.values() if one.keep is not None), together)
    return evolve(together, keep=kept.keep, runtime_runs=kept.runtime_runs)


def _prefixed(upstream: NamedUpstream, configured: ConfiguredUpstream) -> PrefixedUpstream:
    places, wait_s = upstream.max_concurrency, upstream.settings.working.queue_timeout_ms / 1000
    return PrefixedUpstream(
        upstream=configured.upstream,
        stripped=upstream.prefix if upstream.strips_prefix else "",
        line=None if places is None else WaitingLine(places, wait_s, "the upstream"),
    )


@contextmanager
def _configured(
    upstream: NamedUpstream,
    store: Store,
    surroundings: Surroundings,
    on_login: Callable[[LoginReport], None],
    dialer: Dialer | None,
) -> Iterator[ConfiguredUpstream]:
    settings = upstream.settings
    around = accounts_around(settings, store, surroundings.clock, upstream.pool)
    with configured_upstream(settings, store.vault, store.seal, surroundings, on_login, dialer) as configured:
        yield configured if around is None else evolve(configured, upstream=around(configured.upstream))
