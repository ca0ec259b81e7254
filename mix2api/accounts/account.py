"""One account of an upstream, and the file that lists all of them (`MIX2API_ACCOUNTS_FILE`, TOML). Pure: text comes in."""

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from attrs import field, frozen

from mix2api.errors import ConfigurationError
from mix2api.toml_table import CREDENTIAL, TomlTable

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""The id stands in Redis, in logs and perhaps in a header, so it has neither spaces nor capitals."""
_WEIGHTS: Final = range(1, 1001)
_PRIORITIES: Final = range(101)
_CONCURRENCIES: Final = range(1, 100_001)
_MOST: Final = 1000
"""Accounts of a file. The choice looks at each of them, which costs some 2 µs of Redis each."""
_FIELDS: Final = frozenset(
    [
        "id",
        "name",
        "type",
        "base_url",
        "credential",
        "weight",
        "priority",
        "enabled",
        "models",
        "max_concurrency",
        "model_names",
    ]
)
_REQUIRED: Final = ("id", "type", "base_url", "credential")


class AccountType(StrEnum):
    """Which kind of upstream an account belongs to. An account serves processes of that kind only."""

    MIX = "mix"
    OPENAI = "openai"
    RESPONSES = "responses"


@frozen(kw_only=True)
class Account:
    """One account as the file describes it."""

    id: str
    name: str
    """For people; the id where the file gives none."""
    type: AccountType
    base_url: str
    credential: str = field(repr=False)
    """A reference: `env:NAME` or `file:PATH`. The secret itself never stands in the file or in Redis."""
    weight: int = 1
    """The account's share among the accounts of its priority, 1 to 1000."""
    priority: int = 0
    """0 to 100. Accounts of the smallest number are chosen first; others only when none of those can be."""
    enabled: bool = True
    models: tuple[str, ...] = ("*",)
    """Shell patterns of the models that the account may serve."""
    max_concurrency: int | None = None
    """Calls at once from one process; more wait in the account's line. None: no limit."""
    model_names: Mapping[str, str] = field(factory=dict)
    """A model as clients name it -> as the account's upstream does. Other models keep their names."""

    def serves(self, model: str) -> bool:
        """Whether the account may serve a model."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


def read_accounts(text: str, path: str) -> tuple[Account, ...]:
    """The accounts of a file, in its order.

    Args:
        text: the file's content.
        path: named in errors.

    Raises:
        ConfigurationError: the file is no TOML, or a field is wrong. The error names file, account and field, no value.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: not TOML: {fault}") from None
    listed = tables.get("accounts")
    if set(tables) != {"accounts"} or not isinstance(listed, list) or not listed:
        raise ConfigurationError(f"{path}: the file must hold [[accounts]] tables and nothing else")
    if len(listed) > _MOST:
        raise ConfigurationError(f"{path}: more than {_MOST} accounts")
    accounts = tuple(_account(said, f"{path}: account {at}") for at, said in enumerate(listed, 1))
    seen: set[str] = set()
    for at, account in enumerate(accounts, 1):
        if account.id in seen:
            raise ConfigurationError(f"{path}: account {at}: id: another account has it, too")
        seen.add(account.id)
    return accounts


def _account(said: object, where: str) -> Account:
    if not isinstance(said, dict):
        raise ConfigurationError(f"{where}: must be a table")
    account_id = said.get("id")
    if isinstance(account_id, str) and _ID.fullmatch(account_id):
        where = f"{where} ({account_id})"
    fields = TomlTable(said, where)
    fields.check_names(_FIELDS, _REQUIRED)
    return Account(
        id=fields.text("id", _ID, "1 to 64 of a-z 0-9 _ . -, with a letter or digit first"),
        name=fields.text("name", re.compile(r".{1,128}"), "1 to 128 characters")
        if "name" in said
        else str(account_id),
        type=_kind(fields),
        base_url=fields.base_url("base_url"),
        credential=fields.text("credential", CREDENTIAL, "env:NAME or file:PATH"),
        weight=fields.whole("weight", 1, _WEIGHTS),
        priority=fields.whole("priority", 0, _PRIORITIES),
        enabled=fields.flag("enabled", default=True),
        models=fields.texts("models", ("*",), "a list of model names or patterns"),
        max_concurrency=fields.perhaps_whole("max_concurrency", _CONCURRENCIES),
        model_names=fields.names("model_names", "a table of model names, of 1 to 256 characters each"),
    )


def _kind(fields: TomlTable) -> AccountType:
    if fields.said["type"] not in set(AccountType):
        raise fields.wrong("type", " or ".join(AccountType))
    return AccountType(fields.said["type"])
