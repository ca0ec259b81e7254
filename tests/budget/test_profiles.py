"""Which profile a model has, what is clamped, and what is said about it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.encodings import EncodingName
from mix2api.budget.images import ImageRule
from mix2api.budget.profile import Defaults, GivenProfile, Origin
from mix2api.budget.profiles import Fallbacks, ProfileTable, matches, slug_of, table_of


def given_(name: str, origin: Origin = Origin.FILE, **figures: int) -> GivenProfile:
    return GivenProfile(name=name, origin=origin, **figures)  # type: ignore[arg-type]  # figures are tokens


NAMES = [
    "mix/claude-sonnet-4-5",
    "claude-sonnet-4-5",
    "mix/gpt-5",
    "claude-*",
    "claude-sonnet-*",
    "*-mini",
    "*",
]
TABLE = table_of([given_(name, context_window=1000 + place) for place, name in enumerate(NAMES)], Defaults())


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("mix/claude-sonnet-4-5", "mix/claude-sonnet-4-5"),
        ("other/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("gpt-5", "mix/gpt-5"),
        ("openai/gpt-5", "mix/gpt-5"),
        ("mix/claude-sonnet-5", "claude-sonnet-*"),
        ("claude-haiku", "claude-*"),
        ("mix/gpt-5-mini", "*-mini"),
        ("anything", "*"),
    ],
)
def test_the_longest_match_wins(model: str, profile: str) -> None:
    found = TABLE.profile_of(model)
    assert found.sources["context_window"].profile == profile
    assert found.context_window == 1000 + NAMES.index(profile)
    assert found.known


def test_of_two_patterns_of_one_length_the_first_one_counts() -> None:
    table = table_of([given_("b*c"), given_("*bc"), given_("**bc")], Defaults())
    assert [one.name for one in table.patterns] == ["**bc", "*bc", "b*c"]


def test_a_model_without_a_profile_has_the_defaults() -> None:
    profile = ProfileTable().profile_of("m")
    assert (profile.context_window, profile.max_input_tokens, profile.max_new_tokens) == (
        200_000,
        120_000,
        8192,
    )
    assert profile.default_new_tokens is None
    assert profile.encoding is EncodingName.O200K_BASE
    assert not profile.known
    assert {str(source) for source in profile.sources.values()} == {"default"}


def test_missing_figures_come_from_the_defaults_and_are_clamped_without_a_word() -> None:
    table = table_of([given_("m", context_window=2000)], Defaults())
    profile = table.profile_of("m")
    assert (profile.max_input_tokens, profile.max_new_tokens) == (2000, 1999)
    assert str(profile.sources["max_input_tokens"]) == "default, clamped"
    assert table.warnings == ()


def test_what_an_operator_wrote_is_clamped_with_a_line() -> None:
    table = table_of(
        [
            given_(
                "m*", context_window=1000, max_input_tokens=5000, max_new_tokens=1000, default_new_tokens=3000
            )
        ],
        Defaults(),
    )
    profile = table.profile_of("mm")
    assert (profile.max_input_tokens, profile.max_new_tokens, profile.default_new_tokens) == (1000, 999, 999)
    assert str(profile.sources["max_new_tokens"]) == 'file "m*", clamped'
    assert table.warnings == (
        'profile "m*": max_input_tokens 5000 is more than context_window allows, 1000 counts',
        'profile "m*": max_new_tokens 1000 is more than context_window allows, 999 counts',
        'profile "m*": default_new_tokens 3000 is more than max_new_tokens allows, 999 counts',
    )


def test_a_later_profile_replaces_one_of_its_name() -> None:
    table = table_of(
        [given_("m", Origin.SETTING, context_window=10, max_new_tokens=5), given_("m", context_window=20)],
        Defaults(),
    )
    profile = table.profile_of("m")
    assert (profile.context_window, profile.max_new_tokens) == (20, 19)
    assert profile.sources["context_window"].origin is Origin.FILE


def test_encoding_and_image_rule_come_from_the_profile() -> None:
    one = GivenProfile(
        name="m", origin=Origin.SETTING, encoding=EncodingName.CL100K_BASE, image_rule=ImageRule.parse(7)
    )
    table = table_of([one], Defaults())
    assert table.profile_of("m").encoding is EncodingName.CL100K_BASE
    assert str(table.profile_of("m").image_rule) == "7"
    assert str(table.profile_of("m").sources["encoding"]) == 'setting "m"'
    assert table.encodings == {"o200k_base", "cl100k_base"}
    assert ProfileTable().encodings == {"o200k_base"}


_tokens = st.none() | st.integers(1, 10**8)


@given(
    st.builds(
        GivenProfile,
        name=st.just("m"),
        origin=st.just(Origin.FILE),
        context_window=st.none() | st.integers(2, 10**8),
        max_input_tokens=_tokens,
        max_new_tokens=_tokens,
        default_new_tokens=_tokens,
    )
)
def test_figures_always_fit_each_other(one: GivenProfile) -> None:
    profile = table_of([one], Defaults()).profile_of("m")
    assert 1 <= profile.max_input_tokens <= profile.context_window
    assert 1 <= profile.max_new_tokens < profile.context_window
    assert profile.default_new_tokens is None or 1 <= profile.default_new_tokens <= profile.max_new_tokens


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_pattern_matches_as_a_regular_expression_would(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
    assert matches(pattern, name) is expected


def test_a_slug_is_what_stands_behind_the_provider() -> None:
    assert [slug_of(name) for name in ("mix/a", "a", "x/a/b", "a/")] == ["a", "a", "a/b", "a/"]


def test_a_model_without_a_profile_is_warned_of_once() -> None:
    fallbacks = Fallbacks(2)
    assert [fallbacks.is_new(model) for model in ("a", "a", "b", "c", "a")] == [True, False, True, True, True]
    assert fallbacks.total == 5


def test_without_a_memory_every_request_warns() -> None:
    fallbacks = Fallbacks(0)
    assert [fallbacks.is_new("a"), fallbacks.is_new("a")] == [True, True]
