"""Group of the accounts of an upstream: where they are listed, and how API keys are bound to them."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from pathlib import Path

from attrs import frozen

from mix2api.settings.choices import BindingScope
from mix2api.settings.readers import Choice, Flag, Place, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class Pool:
    """The accounts that calls are spread over."""

    file: Path | None = held(
        Setting(
            "MIX2API_ACCOUNTS_FILE",
            Place(),
            "",
            "TOML file of the upstream's accounts (`docs/accounts.md`); without it there is one credential",
        )
    )
    binding_ttl_s: int = held(
        Setting(
            "MIX2API_ACCOUNTS_BINDING_TTL_S",
            Whole(1, 2_592_000),
            "3600",
            "how long an API key stays bound to its account after its last request",
            unit="s",
        )
    )
    binding_scope: BindingScope = held(
        Setting(
            "MIX2API_ACCOUNTS_BINDING_SCOPE",
            Choice(BindingScope),
            "apikey",
            "what stays with its account: an API key, a client's session by its headers, a conversation by its beginning, or nothing",
        )
    )
    owner_ttl_s: int = held(
        Setting(
            "MIX2API_RESPONSE_OWNER_TTL_S",
            Whole(1, 31_622_400),
            "2592000",
            "how long it is known which account made a response, so that requests can come back to it",
            unit="s",
        )
    )
    tries: int = held(
        Setting(
            "MIX2API_ACCOUNTS_TRIES",
            Whole(1, 10),
            "3",
            "accounts that a request may be put to before its first output",
        )
    )
    exposes: bool = held(
        Setting(
            "MIX2API_EXPOSE_ACCOUNT",
            Flag(),
            "false",
            "clients are told the account's id, in `x-mix2api-account` and in the 429 of an exhausted pool",
        )
    )
