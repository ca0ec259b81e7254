"""The scopes of bindings: one for all types of accounts, or one of its own for some."""

import pytest

from mix2api.settings.accounts import Scopes
from mix2api.settings.choices import BindingScope, UpstreamKind


@pytest.mark.parametrize(
    ("text", "mix", "openai"),
    [
        ("session", BindingScope.SESSION, BindingScope.SESSION),
        ("none, OpenAI = lineage", BindingScope.NONE, BindingScope.LINEAGE),
        ("mix=none,openai=session", BindingScope.NONE, BindingScope.SESSION),
        ("openai=session", BindingScope.API_KEY, BindingScope.SESSION),
    ],
)
def test_a_type_has_its_own_scope_or_that_of_all(text: str, mix: BindingScope, openai: BindingScope) -> None:
    scope = Scopes().read(text)
    assert (scope(UpstreamKind.MIX), scope(UpstreamKind.OPENAI)) == (mix, openai)


@pytest.mark.parametrize(
    "text",
    ["other", "openai=other", "other=none", "none,session", "mix=none,mix=session", "opencode=none", "none,"],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is never shown
        Scopes().read(text)
