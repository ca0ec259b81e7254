"""The file of admin tokens."""

import hashlib

import pytest

from mix2api.console.tokens import AdminToken, Role, admin_of, parse_tokens
from mix2api.errors import ConfigurationError

DIGEST = hashlib.sha256(b"a token").hexdigest()
ENTRY = f'[[tokens]]\nid = "ann"\nrole = "operate"\nsha256 = "{DIGEST}"\n'


def test_an_entry_is_an_admin_with_a_role() -> None:
    tokens = parse_tokens(ENTRY, "t.toml")
    assert tokens == (AdminToken("ann", Role.OPERATE, bytes.fromhex(DIGEST)),)
    assert admin_of("a token", tokens) == tokens[0]
    assert admin_of("another", tokens) is None
    assert admin_of("\ud800", tokens) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file must hold [[tokens]]"),
        (ENTRY + ENTRY, "id: must be another one: it stands twice"),
        (ENTRY.replace("operate", "root"), "role: must be view or operate or user"),
        (ENTRY.replace(DIGEST, "a token"), "sha256: must be 64 hex digits"),
        (ENTRY.replace("sha256", "token"), "token: no such field"),
    ],
)
def test_a_wrong_file_is_told_with_its_field_and_no_value(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        parse_tokens(text, "t.toml")
    assert said in str(fault.value)
    assert "a token" not in str(fault.value)
