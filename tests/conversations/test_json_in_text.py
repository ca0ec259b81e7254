"""The JSON object in a model's answer, and why there is none."""

import pytest

from mix2api.conversations.json_in_text import object_in_text


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": 1}}',
        ' \n{"a": {"b": 1}}\n',
        '```json\n{"a": {"b": 1}}\n```',
        'Here is the plan:\n```\n{"a": {"b": 1}}\n```\nShall I go on?',
        '<think>A {"plan"} of {nodes}?</think>{"a": {"b": 1}}',
        '  <think>unclosed {"a": {"b": 1}}',
    ],
)
def test_the_object_is_found_with_words_fences_and_thoughts_around_it(text: str) -> None:
    assert object_in_text(text) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the answer is empty; it must be one JSON object"),
        (" \n", "the answer is empty; it must be one JSON object"),
        ("I cannot do that.", "the answer holds no JSON object; it must be one"),
        ("[1, 2]", "the answer holds no JSON object; it must be one"),
        ("} {", "the answer holds no JSON object; it must be one"),
        ('<think>{"a": 1}</think>', "the answer holds no JSON object; it must be one"),
        ('{"a":' * 100_000 + "}", "the answer is nested too deep for a JSON object of this form"),
        ('{"a": "\ud800"}', "the answer holds half of a surrogate pair, which JSON may not"),
    ],
)
def test_an_answer_without_an_object_says_why(text: str, why: str) -> None:
    assert object_in_text(text) == why


@pytest.mark.parametrize(
    "text", ['{"planted": }', "{planted}", '{"planted": 1} {"b": 2}', '{"planted": 1e999}']
)
def test_what_is_no_valid_json_is_told_without_quoting_it(text: str) -> None:
    why = object_in_text(text)
    assert isinstance(why, str)
    assert why.startswith("the answer must be one JSON object, and valid JSON, which it is not: ")
    assert "planted" not in why
