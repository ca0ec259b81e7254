"""The accounts file: what it may say, and errors that name file, account and field but no value."""

import pytest

from mix2api.accounts.account import Account, AccountType, read_accounts
from mix2api.errors import ConfigurationError

ONE = """
[[accounts]]
id = "a1"
type = "openai"
base_url = "https://one.example/v1/"
credential = "env:ONE_KEY"
"""


def test_an_account_has_defaults_for_what_the_file_leaves_out() -> None:
    (account,) = read_accounts(ONE, "accounts.toml")
    assert account == Account(
        id="a1",
        name="a1",
        type=AccountType.OPENAI,
        base_url="https://one.example/v1",
        credential="env:ONE_KEY",
    )
    assert "ONE_KEY" not in repr(account)


def test_an_account_may_say_everything() -> None:
    said = (
        ONE
        + 'name = "One"\nweight = 3\npriority = 2\nenabled = false\nmodels = ["gpt-*"]\nmax_concurrency = 8\n'
    )
    (account,) = read_accounts(said, "accounts.toml")
    assert (account.name, account.weight, account.priority, account.enabled) == ("One", 3, 2, False)
    assert account.max_concurrency == 8
    assert account.serves("gpt-5")
    assert not account.serves("mix/test")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("weight = 0", "weight"),
        ("weight = true", "weight"),
        ("weight = 1001", "weight"),
        ("priority = -1", "priority"),
        ('enabled = "planted"', "enabled"),
        ("models = []", "models"),
        ("models = [1]", "models"),
        ('models = "planted"', "models"),
        ("max_concurrency = 0", "max_concurrency"),
        ('name = ""', "name"),
        ('planted = "x"', "planted"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_account(line: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^accounts\.toml: account 1 \(a1\): {named}: "):
        read_accounts(f"{ONE}{line}\n", "accounts.toml")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"a1"', '"A 1"', "id"),
        ('"a1"', "7", "id"),
        ('"openai"', '"planted"', "type"),
        ('"openai"', '["planted"]', "type"),
        ('"env:ONE_KEY"', '"sk-planted"', "credential"),
        ('"env:ONE_KEY"', '"file:planted\\u0000"', "credential"),
        ('"https://one.example/v1/"', '"ftp://one.example"', "base_url"),
        ('"https://one.example/v1/"', '"https://user:planted@one.example"', "base_url"),
        ('"https://one.example/v1/"', '"https://one.example:99999"', "base_url"),
        ('"https://one.example/v1/"', "5", "base_url"),
        ('"https://one.example/v1/"', '"https://one.example/v 1"', "base_url"),
    ],
)
def test_a_wrong_value_is_refused_and_not_repeated(old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=f": {named}: must be ") as caught:
        read_accounts(ONE.replace(old, new), "accounts.toml")
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("field", ["id", "type", "base_url", "credential"])
def test_a_missing_field_is_named(field: str) -> None:
    lines = [line for line in ONE.splitlines() if not line.startswith(field)]
    with pytest.raises(ConfigurationError, match=f": {field}: missing"):
        read_accounts("\n".join(lines), "accounts.toml")


@pytest.mark.parametrize("text", ["", "accounts = []", "accounts = 5", "other = 1\n" + ONE])
def test_a_file_holds_accounts_and_nothing_else(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"accounts\.toml: the file must hold"):
        read_accounts(text, "accounts.toml")


def test_a_file_that_is_no_toml_and_one_with_other_values_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="not TOML"):
        read_accounts("[[accounts", "accounts.toml")
    with pytest.raises(ConfigurationError, match="account 1: must be a table"):
        read_accounts("accounts = [5]", "accounts.toml")


def test_ids_are_unique_and_a_file_is_bounded() -> None:
    with pytest.raises(ConfigurationError, match="account 2: id: another account has it"):
        read_accounts(ONE + ONE, "accounts.toml")
    with pytest.raises(ConfigurationError, match="more than 1000"):
        read_accounts(ONE * 1001, "accounts.toml")
