"""Loose JSON in, strict JSON out; what is strict already stays as it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.tools.text.loose_tokens import Tokens
from mix2api.tools.text.strict_json import JsonWriter, escaped, scalar

_text = st.text(alphabet=st.characters(codec="utf-8"))
_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner) | st.dictionaries(_text, inner),
    max_leaves=10,
)


def _written(loose: str) -> tuple[str, int]:
    """The strict text, and how many flaws were found."""
    parts: list[str] = []
    flaws: list[None] = []
    tokens = Tokens(JsonWriter(parts.append, lambda: flaws.append(None)))
    tokens.feed(loose)
    tokens.end()
    return "".join(parts), len(flaws)


@given(
    st.dictionaries(_text, _values) | st.lists(_values), st.sampled_from([None, 0, 2, "\t"]), st.booleans()
)
def test_strict_json_stays_as_it_is(value: object, indent: int | str | None, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert _written(text) == (text, 0)


@given(_text)
def test_an_escaped_text_means_itself(text: str) -> None:
    assert json.loads(f'"{escaped(text)}"') == text


@pytest.mark.parametrize("word", ["0", "-0", "17", "-1.50", "2e9", "1E-7", "true", "false", "null"])
def test_a_scalar_of_json_stays_as_it_is(word: str) -> None:
    assert scalar(word) == word


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("True", "true"),
        ("False", "false"),
        ("None", "null"),
        ("undefined", "null"),
        ("01", '"01"'),
        ("１", '"１"'),  # noqa: RUF001 - a digit, but not JSON's
        ("1.", '"1."'),
        ("NaN", '"NaN"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("C:\\dir", '"C:\\\\dir"'),
    ],
)
def test_any_other_word_becomes_what_it_means(word: str, wanted: str) -> None:
    assert scalar(word) == wanted


@pytest.mark.parametrize(
    ("loose", "wanted"),
    [
        ("{a: 1,}", '{"a": 1}'),
        ("{a: 1 , }", '{"a": 1  }'),
        ("[1,, 2]", "[1, 2]"),
        ("{a: [1, 2}", '{"a": [1, 2]}'),
        ("(a: (b: c]]", '{"a": {"b": "c"}}'),
        ("{'a': 'b'}", '{"a": "b"}'),
        ("{\u3000a:\u00a01}", '{ "a": 1}'),
        ("[{'a': 1} {'a': 2}]", '[{"a": 1} ,{"a": 2}]'),
    ],
)
def test_loose_json_becomes_strict(loose: str, wanted: str) -> None:
    assert _written(loose) == (wanted, 0)
    assert json.loads(wanted) is not None


@pytest.mark.parametrize(
    "loose", ["{a}", "{a:}", "{a:, b: 1}", "{a, b: 1}", "{{}}", "[{a: 1}: 2]", "{a:: 1}", "{:}"]
)
def test_what_has_no_reading_is_told(loose: str) -> None:
    assert _written(loose)[1] > 0
