"""What an operator writes of models, and what is told of mistakes in it."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.encodings import EncodingName
from mix2api.budget.profile import FIGURES, Origin
from mix2api.budget.profile_lines import line_of
from mix2api.budget.profile_reading import Mistake, read_profiles


def mistakes(fields: object, name: str = "m") -> list[str]:
    read = read_profiles({name: fields}, Origin.FILE)
    assert not (read.profiles and read.mistakes)
    return [str(mistake) for mistake in read.mistakes]


def test_both_spellings_are_read() -> None:
    read = read_profiles(
        {
            "a": {"context_window": 9, "max_input_tokens": 8, "max_new_tokens": 7, "default_new_tokens": 6},
            "b": {"contextWindow": 9, "maxInputTokens": 8, "maxNewTokens": 7, "defaultNewTokens": 6},
            "c": {"encoding": "cl100k_base", "imageRule": 300},
            "d": {},
        },
        Origin.SETTING,
    )
    assert read.mistakes == ()
    one, other, third, empty = read.profiles
    for each in (one, other):
        assert (each.context_window, each.max_input_tokens, each.max_new_tokens, each.default_new_tokens) == (
            9,
            8,
            7,
            6,
        )
    assert third.encoding is EncodingName.CL100K_BASE
    assert str(third.image_rule) == "300"
    assert (empty.context_window, empty.encoding, empty.origin) == (None, None, Origin.SETTING)


def test_profiles_may_stand_in_one_table() -> None:
    read = read_profiles({"models": {"a": {"context_window": 9}}}, Origin.FILE)
    assert [one.name for one in read.profiles] == ["a"]
    alone = read_profiles({"models": {"context_window": 9}}, Origin.FILE)
    assert [one.name for one in alone.profiles] == ["models"]
    assert [one.name for one in read_profiles({"models": {}}, Origin.FILE).profiles] == ["models"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (5, '"m": a profile must be an object of fields, such as {context_window = 128000}'),
        ({"context_window": 1}, '"m": context_window must be a whole number of tokens from 2 to 100000000'),
        ({"maxNewTokens": 0}, '"m": maxNewTokens must be a whole number of tokens from 1 to 100000000'),
        (
            {"max_new_tokens": True},
            '"m": max_new_tokens must be a whole number of tokens from 1 to 100000000',
        ),
        ({"max_new_tokens": "8"}, '"m": max_new_tokens must be a whole number of tokens from 1 to 100000000'),
        ({"encoding": "gpt2"}, '"m": encoding must be one of o200k_base, cl100k_base'),
        ({"encoding": []}, '"m": encoding must be one of o200k_base, cl100k_base'),
        (
            {"image_rule": "big"},
            '"m": image_rule must be openai, anthropic, or a whole number of tokens from 0 to 1000000',
        ),
        (
            {"context_windw": 5},
            '"m": context_windw is not a field of a profile; did you mean context_window?',
        ),
        (
            {"xyz": 5},
            f'"m": xyz is not a field of a profile; these are: {", ".join(FIGURES)}',
        ),
        (
            {"context_window": 5, "contextWindow": 5},
            '"m": contextWindow says the same as context_window: give one of them',
        ),
    ],
)
def test_a_mistake_is_told_by_model_and_field(fields: object, said: str) -> None:
    assert mistakes(fields) == [said]


@pytest.mark.parametrize("name", ["", "x" * 257, "a\nb"])
def test_a_name_that_no_model_can_have_is_refused(name: str) -> None:
    assert mistakes({}, name) == ["a profile's name must be 1 to 256 printable characters"]


def test_every_mistake_is_told_at_once() -> None:
    read = read_profiles(
        {"a": {"x": 1, "max_new_tokens": 0}, "b": 5, "c": {"context_window": 9}}, Origin.FILE
    )
    assert [mistake.model for mistake in read.mistakes] == ["a", "a", "b"]


@given(
    st.dictionaries(
        st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.integers() | st.text()) | st.integers()
    )
)
def test_no_mapping_is_too_strange(said: dict[str, object]) -> None:
    read_profiles(said, Origin.FILE)


FILE = """\
# models

["mix/a"]
context_window = 1
max_new_tokens = 5

[b]
"max_new_tokens" = 0

[models."c-*"]
encoding = "x"

[models]
[d
e.context_window = 1
"""


@pytest.mark.parametrize(
    ("model", "key", "line"),
    [
        ("mix/a", "context_window", 4),
        ("mix/a", "max_new_tokens", 5),
        ("mix/a", "encoding", 3),
        ("mix/a", "", 3),
        ("b", "max_new_tokens", 8),
        ("c-*", "encoding", 11),
        ("e", "context_window", 15),
        ("", "", 1),
        ("nowhere", "", 1),
    ],
)
def test_the_line_of_a_mistake_is_found(model: str, key: str, line: int) -> None:
    assert line_of(FILE, Mistake(model, key, "")) == line


def test_the_lines_are_those_of_real_toml() -> None:
    text = FILE.partition("[models]\n")[0]
    found = [line_of(text, each) for each in read_profiles(tomllib.loads(text) | {}, Origin.FILE).mistakes]
    assert found == [4, 8, 11]


def test_a_field_that_is_not_found_below_the_last_header_has_the_header_s_line() -> None:
    assert line_of('x = 1\n["m"]\ncontext_window = 5', Mistake("m", "encoding", "")) == 2
