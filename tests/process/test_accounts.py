"""The accounts that the settings name: a file that does not go with the rest stops the start with one line."""

from pathlib import Path

import pytest

from mix2api.errors import ConfigurationError
from mix2api.process.accounts import listed_accounts
from mix2api.process.groups import site_form
from mix2api.settings import Settings, load_settings
from mix2api.upstreams.accounts.secrets import Secrets

ONE = '[[accounts]]\nid = "m1"\ntype = "mix"\nbase_url = "https://x.example"\ncredential = "env:X"\n'


def settings(file: Path, **known: str) -> Settings:
    given = {"UPSTREAM_API_BASE": "https://site.example", "MIX2API_ACCOUNTS_FILE": str(file)}
    return load_settings(given | known, None)


def test_the_accounts_of_the_file_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(ONE)
    assert [one.id for one in listed_accounts(settings(file))] == ["m1"]
    assert listed_accounts(Settings()) == ()


def test_sessions_of_a_pool_are_of_another_form_than_those_before_it(tmp_path: Path) -> None:
    plain = load_settings({"UPSTREAM_API_BASE": "https://site.example"}, None)
    assert site_form(settings(tmp_path / "accounts.toml")) != site_form(plain)


@pytest.mark.parametrize("mode", ["pass_through", "managed"])
def test_accounts_do_not_go_with_another_credential(tmp_path: Path, mode: str) -> None:
    with pytest.raises(ConfigurationError, match=f"UPSTREAM_AUTH_MODE cannot be {mode}"):
        listed_accounts(settings(tmp_path / "accounts.toml", UPSTREAM_AUTH_MODE=mode))


def test_a_file_that_cannot_be_read_or_has_no_account_of_the_kind_is_named(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        listed_accounts(settings(file))
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        listed_accounts(settings(file))
    file.write_text(ONE)
    with pytest.raises(ConfigurationError, match="no account has the type openai"):
        listed_accounts(settings(file, MIX2API_UPSTREAM="openai"))


@pytest.mark.parametrize("secret", [None, "", "planted\nsecret", "planted\u00e4", "p" * 20_000])
def test_a_reference_without_a_usable_credential_is_named_and_the_credential_is_not(
    tmp_path: Path, secret: str | None
) -> None:
    place = tmp_path / "secret"
    if secret is not None:
        place.write_text(secret)
    file = tmp_path / "accounts.toml"
    file.write_text(ONE.replace("env:X", f"file:{place}"))
    accounts = listed_accounts(settings(file))
    with pytest.raises(ConfigurationError, match="account m1: credential") as caught:
        Secrets(accounts, {}, str(file))
    assert "planted" not in str(caught.value)
