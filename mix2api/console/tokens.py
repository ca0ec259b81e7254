"""Admin tokens: who may sign in to the console, and what they may do. Only hashes are kept."""

import hashlib
import hmac
import re
from enum import StrEnum
from typing import Final

from attrs import frozen

from mix2api.errors import ConfigurationError
from mix2api.toml_table import named_table, tables_in

_MOST: Final = 1000
"""Tokens of a file. Each sign-in compares with all of them, which takes a millisecond."""
_FIELDS: Final = ("id", "role", "sha256")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


class Role(StrEnum):
    """What somebody who signs in may do."""

    VIEW = "view"
    """See every page."""
    OPERATE = "operate"
    """And change what can be changed."""
    USER = "user"
    """See the conversations of one API key, and nothing else. The token is that key."""


@frozen
class AdminToken:
    """One admin, or one user."""

    admin: str
    """The id, for the log."""
    role: Role
    sha256: bytes
    """Of the token."""


def parse_tokens(text: str, path: str) -> tuple[AdminToken, ...]:
    """The tokens of a `MIX2API_CONSOLE_TOKENS_FILE`: TOML with `[[tokens]]` of `id`, `role` and `sha256`.

    Raises:
        ConfigurationError: not TOML, no tokens, an entry that lacks something or is wrong, or an id that stands twice.
    """
    found: dict[str, AdminToken] = {}
    for number, said in enumerate(tables_in(text, path, "tokens", _MOST), start=1):
        table = named_table(said, f"{path}: entry {number}", "id")
        table.check_names(_FIELDS, _FIELDS)
        admin = table.own_name("id")
        if admin in found:
            raise table.wrong("id", "another one: it stands twice")
        sha256 = table.text(
            "sha256", _SHA256, "64 hex digits: the SHA-256 of the token, not the token itself"
        )
        found[admin] = AdminToken(admin, table.word("role", Role), bytes.fromhex(sha256))
    return tuple(found.values())


def admin_of(token: str, tokens: tuple[AdminToken, ...]) -> AdminToken | None:
    """Whose token it is. Takes the same time whichever it is, and for one that nobody has."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    found = None
    for each in tokens:
        if hmac.compare_digest(digest, each.sha256):
            found = each
    return found


def without_tokens() -> ConfigurationError:
    """The error of a console without admins."""
    return ConfigurationError(
        "MIX2API_CONSOLE_TOKENS_FILE: is not set; the console needs it (`mix2api console --new-token ID` makes an entry)"
    )
