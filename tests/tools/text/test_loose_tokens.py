"""Where words, strings and containers end, whatever the pieces that they come in."""

import pytest

from mix2api.tools.text.loose_tokens import Tokens
from mix2api.tools.text.strict_json import JsonWriter


def _tokens() -> tuple[Tokens, list[str]]:
    parts: list[str] = []
    return Tokens(JsonWriter(parts.append, lambda: None)), parts


def test_reading_stops_behind_the_container() -> None:
    tokens, parts = _tokens()
    assert tokens.feed('{"a": "}"} and more') == len('{"a": "}"}')
    assert tokens.whole
    assert tokens.ended
    assert tokens.feed("x") == 0
    assert "".join(parts) == '{"a": "}"}'


def test_reading_goes_on_where_it_is_told_to() -> None:
    tokens, parts = _tokens()
    assert tokens.feed("abc [1]", 4) == len("abc [1]")
    assert "".join(parts) == "[1]"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ('{"a": "b" c', '{"a": "b" c'),
        ('{"a": [] c', '{"a": [] '),
        ('{"a": 1\nc', '{"a": 1\n'),
        ('{"a": []\n```', '{"a": []\n'),
        ('{"a": ["b"\n```', '{"a": ["b"\n'),
        ('{"a": [1,\n```', '{"a": [1,\n'),
        ('{"a": [],\n```', '{"a": [],\n'),
    ],
)
def test_a_container_without_its_bracket_ends_where_prose_or_a_fence_begins(text: str, end: str) -> None:
    tokens, _ = _tokens()
    assert tokens.feed(text) == len(end)
    assert tokens.ended == (end != text)
    assert not tokens.whole


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        ('"a"', '"a"'),
        ('"say "a" now"', '"say \\"a\\" now"'),
        ('"say "a"" ', '"say \\"a\\"" '),
        ('"a: "b": c"', '"a: \\"b\\": c"'),
        ('"(see "a") now"', '"(see \\"a\\") now"'),
        ("'it's'", '"it\'s"'),
        ("“他说“好”了”", '"他说“好”了"'),
        ("`a 'b' \"c\"`", '"a \'b\' \\"c\\""'),
        (r'"\q \' \u00zz"', r'"\\q ' + r"' \\u00zz" + '"'),
        ("f(a, b) + c", '"f(a, b) + c"'),
        ("http://x/y?z=1", '"http://x/y?z=1"'),
    ],
)
def test_a_value_in_an_object(inside: str, wanted: str) -> None:
    for width in (1, 2, 100):
        tokens, parts = _tokens()
        text = f"{{k: {inside}}}"
        for start in range(0, len(text), width):
            tokens.feed(text[start : start + width])
        assert tokens.whole
        assert "".join(parts) == f'{{"k": {wanted}}}'


@pytest.mark.parametrize(
    ("text", "wanted"), [('{"a": "b"', '{"a": "b"'), ('{"a": b', '{"a": "b"'), ('{"a": "b', '{"a": "b')]
)
def test_the_end_of_the_text_ends_words_and_quotes(text: str, wanted: str) -> None:
    tokens, parts = _tokens()
    tokens.feed(text)
    tokens.end()
    assert "".join(parts) == wanted
    assert not tokens.whole
