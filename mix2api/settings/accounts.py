"""Group of the accounts of an upstream: where they are listed, and how API keys are bound to them."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from mix2api.settings.choices import BindingScope, UpstreamKind
from mix2api.settings.readers import Flag, Place, Whole
from mix2api.settings.setting import Setting, held

POOLED: Final = frozenset({UpstreamKind.MIX, UpstreamKind.OPENAI, UpstreamKind.RESPONSES})
"""Types of accounts: a runtime has none."""


@frozen
class ScopeOf:
    """A scope for each type of accounts."""

    default: BindingScope = BindingScope.API_KEY
    by_type: Mapping[UpstreamKind, BindingScope] = field(factory=dict)

    def __call__(self, kind: UpstreamKind) -> BindingScope:
        """The scope of the accounts of a type."""
        return self.by_type.get(kind, self.default)


@frozen
class Scopes:
    """One scope, or scopes by the accounts' type: `session`, `apikey,openai=lineage`."""

    allowed: str = (
        "apikey, session, lineage or none, for some types with the type before it: `apikey,openai=lineage`"
    )

    def read(self, text: str) -> ScopeOf:
        """The scopes. Each type stands once, and so does the scope of all others."""
        default, by_type = None, dict[UpstreamKind, BindingScope]()
        for part in text.lower().split(","):
            kind, is_typed, scope = part.strip().rpartition("=")
            if not is_typed and default is None:
                default = BindingScope(scope)
            elif is_typed and (typed := UpstreamKind(kind.strip())) not in by_type and typed in POOLED:
                by_type[typed] = BindingScope(scope.strip())
            else:
                raise ValueError(text)
        return ScopeOf(default or BindingScope.API_KEY, by_type)


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
    binding_scope: ScopeOf = held(
        Setting(
            "MIX2API_ACCOUNTS_BINDING_SCOPE",
            Scopes(),
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
