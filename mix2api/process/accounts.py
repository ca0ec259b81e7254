"""The pool of accounts that the settings name, put around the upstream."""

import os
from collections.abc import Callable
from functools import partial

from mix2api.accounts.account import Account, AccountType, read_accounts
from mix2api.actors.request_facts import known_or_digest
from mix2api.clock import Clock
from mix2api.errors import ConfigurationError
from mix2api.process.text_file import text_of
from mix2api.settings import Settings, UpstreamAuthMode
from mix2api.store.accounts import RedisAccounts
from mix2api.store.store import Store
from mix2api.upstreams.accounts.binding_keys import binding_key
from mix2api.upstreams.accounts.pool import AccountsUpstream, PoolOptions
from mix2api.upstreams.accounts.secrets import Secrets
from mix2api.upstreams.port import Upstream

_OWN_CREDENTIAL = frozenset({UpstreamAuthMode.STATIC, UpstreamAuthMode.NONE})
"""Modes that accounts go with: their own credential takes the place of the static one."""


def listed_accounts(settings: Settings) -> tuple[Account, ...]:
    """The accounts of the file; none where no file is named.

    Raises:
        ConfigurationError: the file cannot be read, is wrong, or does not go with other settings.
    """
    path = settings.pool.file
    if path is None:
        return ()
    if settings.upstream_auth.mode not in _OWN_CREDENTIAL:
        mode = settings.upstream_auth.mode.value
        raise ConfigurationError(
            f"MIX2API_ACCOUNTS_FILE: accounts have credentials of their own, so UPSTREAM_AUTH_MODE cannot be {mode}"
        )
    accounts = read_accounts(text_of(path, "MIX2API_ACCOUNTS_FILE"), str(path))
    if not any(one.type.value == settings.site.kind.value for one in accounts):
        raise ConfigurationError(
            f"{path}: no account has the type {settings.site.kind.value} (MIX2API_UPSTREAM)"
        )
    return accounts


def shared_accounts(settings: Settings, store: Store, clock: Clock, pool: str) -> RedisAccounts:
    """What processes share of the accounts."""
    scope = settings.pool.binding_scope(settings.site.kind)
    return store.accounts(pool, settings.pool.binding_ttl_s, clock, scope.value)


def accounts_around(
    settings: Settings, store: Store, clock: Clock, pool: str
) -> Callable[[Upstream], Upstream] | None:
    """Puts the pool around an upstream; None where no file is named.

    Args:
        settings: of the upstream.
        store: open.
        clock: the process's.
        pool: the pool's name in the store.

    Raises:
        ConfigurationError: see `listed_accounts`; or a credential is not where its reference leads.
    """
    accounts = listed_accounts(settings)
    if not accounts:
        return None
    kind = AccountType(settings.site.kind.value)
    ours = [one for one in accounts if one.type is kind]
    known = frozenset(settings.listening.models)

    def around(inner: Upstream) -> Upstream:
        return AccountsUpstream(
            inner,
            ours,
            Secrets(ours, os.environ, str(settings.pool.file)),
            shared_accounts(settings, store, clock, pool),
            PoolOptions(
                type=kind,
                tries=settings.pool.tries,
                wait_s=settings.working.queue_timeout_ms / 1000,
                is_named=settings.pool.exposes,
                binding_key=binding_key(settings.pool.binding_scope(settings.site.kind), store.seal),
                model_word=partial(known_or_digest, known=known, seal=store.seal),
            ),
            clock,
        )

    return around
