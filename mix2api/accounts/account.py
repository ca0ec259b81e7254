"""One account of an upstream, and the file that lists all of them (`MIX2API_ACCOUNTS_FILE`, TOML). Pure: text comes in."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from attrs import field, frozen

from mix2api.errors import ConfigurationError
from mix2api.toml_table import CREDENTIAL, named_table, tables_in

_FOR_PEOPLE: Final = re.compile(r".{1,128}")
"""The name that people read."""
WEIGHTS: Final = range(1, 1001)
PRIORITIES: Final = range(101)
_CONCURRENCIES: Final = range(1, 100_001)
MOST: Final = 1000
"""Accounts of a file. A choice that no plan has made looks at each of them, which costs some 3 µs of Redis each (ADR 120)."""
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
        return serves_model(self.models, model)


def serves_model(patterns: Iterable[str], model: str) -> bool:
    """Whether one of an account's patterns is the model's."""
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def read_accounts(text: str, path: str) -> tuple[Account, ...]:
    """The accounts of a file, in its order.

    Args:
        text: the file's content.
        path: named in errors.

    Raises:
        ConfigurationError: the file is no TOML, or a field is wrong. The error names file, account and field, no value.
    """
    listed = tables_in(text, path, "accounts", MOST)
    accounts = tuple(_account(said, f"{path}: account {at}") for at, said in enumerate(listed, 1))
    seen: set[str] = set()
    for at, account in enumerate(accounts, 1):
        if account.id in seen:
            raise ConfigurationError(f"{path}: account {at}: id: another account has it, too")
        seen.add(account.id)
    return accounts


def _account(said: object, where: str) -> Account:
    fields = named_table(said, where, "id")
    fields.check_names(_FIELDS, _REQUIRED)
    account_id = fields.own_name("id")
    return Account(
        id=account_id,
        name=fields.text("name", _FOR_PEOPLE, "1 to 128 characters") if "name" in fields.said else account_id,
        type=fields.word("type", AccountType),
        base_url=fields.base_url("base_url"),
        credential=fields.text("credential", CREDENTIAL, "env:NAME or file:PATH"),
        weight=fields.whole("weight", 1, WEIGHTS),
        priority=fields.whole("priority", 0, PRIORITIES),
        enabled=fields.flag("enabled", default=True),
        models=fields.texts("models", ("*",), "a list of model names or patterns"),
        max_concurrency=fields.perhaps_whole("max_concurrency", _CONCURRENCIES),
        model_names=fields.names("model_names", "a table of model names, of 1 to 256 characters each"),
    )
