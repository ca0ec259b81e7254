"""A policy of a pool, to be tried on what has happened (`mix2api accounts simulate`): accounts, scope and life of bindings. Pure."""

import tomllib
from enum import StrEnum
from typing import Final

from attrs import frozen

from mix2api.accounts.account import MOST, PRIORITIES, WEIGHTS, serves_model
from mix2api.errors import ConfigurationError
from mix2api.toml_table import TomlTable, named_table

_LIVES_S: Final = range(1, 2_592_001)
"""As for `MIX2API_ACCOUNTS_BINDING_TTL_S`."""
_TRIES: Final = range(1, 11)
"""As for `MIX2API_ACCOUNTS_TRIES`."""
_POLICY: Final = frozenset({"scope", "ttl_s", "tries", "accounts"})
_ACCOUNT: Final = frozenset({"id", "weight", "priority", "enabled", "models"})


class Scope(StrEnum):
    """What stays with its account, as far as the audit tells runs apart by it."""

    API_KEY = "apikey"
    SESSION = "session"
    NONE = "none"


@frozen(kw_only=True)
class PolicyAccount:
    """One account of a policy, with the fields that the choice reads (`mix2api.accounts.account.Account`)."""

    id: str
    weight: int = 1
    priority: int = 0
    enabled: bool = True
    models: tuple[str, ...] = ("*",)

    def serves(self, model: str) -> bool:
        """Whether the account may serve a model."""
        return self.enabled and serves_model(self.models, model)

    @property
    def serves_all(self) -> bool:
        """Whether the account may serve every model, whatever its name."""
        return "*" in self.models


@frozen(kw_only=True)
class Policy:
    """How a pool chooses."""

    accounts: tuple[PolicyAccount, ...]
    scope: Scope = Scope.API_KEY
    ttl_s: int = 3600
    """Life of a binding after its last use, in seconds."""
    tries: int = 3
    """Accounts that one call may be put to."""


def read_policy(text: str, path: str) -> Policy:
    """The policy of a file.

    Args:
        text: the file's content (TOML).
        path: named in errors.

    Raises:
        ConfigurationError: the file is no TOML, or a field is wrong. The error names file, account and field, no value.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: not TOML: {fault}") from None
    fields = TomlTable(said, path)
    fields.check_names(_POLICY, ("accounts",))
    listed = said["accounts"]
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST:
        raise fields.wrong("accounts", f"1 to {MOST} [[accounts]] tables")
    accounts = tuple(_account(one, f"{path}: account {at}") for at, one in enumerate(listed, 1))
    if len({one.id for one in accounts}) < len(accounts):
        raise ConfigurationError(f"{path}: two accounts have the same id")
    return Policy(
        accounts=accounts,
        scope=fields.word("scope", Scope) if "scope" in said else Scope.API_KEY,
        ttl_s=fields.whole("ttl_s", 3600, _LIVES_S),
        tries=fields.whole("tries", 3, _TRIES),
    )


def _account(said: object, where: str) -> PolicyAccount:
    fields = named_table(said, where, "id")
    fields.check_names(_ACCOUNT, ("id",))
    return PolicyAccount(
        id=fields.own_name("id"),
        weight=fields.whole("weight", 1, WEIGHTS),
        priority=fields.whole("priority", 0, PRIORITIES),
        enabled=fields.flag("enabled", default=True),
        models=fields.texts("models", ("*",), "a list of model names or patterns"),
    )
