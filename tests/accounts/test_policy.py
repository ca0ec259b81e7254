"""The file of a policy: what it may say, and what it is told where it is wrong."""

import pytest

from mix2api.accounts.policy import Policy, PolicyAccount, Scope, read_policy
from mix2api.errors import ConfigurationError

WHOLE = """
scope = "session"
ttl_s = 60
tries = 2

[[accounts]]
id = "a"
weight = 3
priority = 1
models = ["gpt-*"]

[[accounts]]
id = "b"
enabled = false
"""


def test_a_policy_is_read_whole() -> None:
    policy = read_policy(WHOLE, "p.toml")
    first, second = policy.accounts
    assert (policy.scope, policy.ttl_s, policy.tries) == (Scope.SESSION, 60, 2)
    assert first == PolicyAccount(id="a", weight=3, priority=1, models=("gpt-*",))
    assert [first.serves(model) for model in ("gpt-5", "o3")] == [True, False]
    assert not second.serves("gpt-5")
    assert (first.serves_all, second.serves_all) == (False, True)


def test_a_policy_has_the_defaults_of_the_settings() -> None:
    assert read_policy('[[accounts]]\nid = "a"', "p") == Policy(accounts=(PolicyAccount(id="a"),))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("planted [", "p: not TOML"),
        ("ttl_s = 1", "p: accounts: missing"),
        ("accounts = 1", "p: accounts: must be 1 to 1000"),
        ("accounts = []", "p: accounts: must be 1 to 1000"),
        ("accounts = [1]", "p: account 1: must be a table"),
        ('planted = 1\n[[accounts]]\nid = "a"', "p: planted: no such field"),
        ('scope = "lineage"\n[[accounts]]\nid = "a"', "p: scope: must be apikey or session or none"),
        ('ttl_s = 0\n[[accounts]]\nid = "a"', "p: ttl_s: must be a whole number from 1"),
        ('[[accounts]]\nid = "a"\nbase_url = "x"', r"p: account 1 \(a\): base_url: no such field"),
        ('[[accounts]]\nid = "a"\n[[accounts]]\nid = "a"', "p: two accounts have the same id"),
    ],
)
def test_a_wrong_field_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_policy(text, "p")
