"""What completes a call's argument text, or that nothing does."""

import json

import pytest

from mix2api.tools.final_input import _COMPARED_CHARS, is_object, rest_of


@pytest.mark.parametrize(
    ("told", "final", "rest"),
    [
        ('{"a":"x', '{"a":"xyz"}', 'yz"}'),
        ("", '{"a":1}', '{"a":1}'),
        ('{"a":1}', '{"a":1}', ""),
        ('{"a": "x', '{"a":"xyz"}', 'yz"}'),
        ('{ "a" : "x y", "b": 1 }', '{"a":"x y","b":1}', ""),
        ('{"a":"x', '{"a": "xyz"}', 'yz"}'),
        ('{"a":"x\\', '{"a": "x\\n"}', 'n"}'),
        ('{"a": "say \\"h', '{"a":"say \\"hi\\""}', 'i\\""}'),
        ('{"a":"y', '{"a":"xyz"}', None),
        ('{"a":"x y', '{"a":"xy"}', None),
        ('{"a":"x"}', '{"a":"xyz"}', None),
        ('{"a":1,"b":2}', '{"a":1}', None),
    ],
)
def test_a_beginning_is_completed_and_anything_else_is_not(told: str, final: str, rest: str | None) -> None:
    assert rest_of(told, final) == rest


def test_every_beginning_of_spaced_json_is_completed_to_what_the_site_means() -> None:
    value = {"path": "/a b/c", "lines": [1, 2.5, None], "text": 'say "hi"\\\n', "deep": {"x": {}}}
    final = json.dumps(value, separators=(",", ":"))
    for told in (json.dumps(value), json.dumps(value, indent=2)):
        for cut in range(len(told) + 1):
            rest = rest_of(told[:cut], final)
            assert rest is not None, cut
            assert json.loads(told[:cut] + rest) == value


def test_spaces_are_not_looked_past_in_texts_that_are_too_long_to_compare() -> None:
    long = "x" * _COMPARED_CHARS
    assert rest_of('{"a": "', f'{{"a":"{long}"}}') is None
    assert rest_of('{"a":"', f'{{"a":"{long}"}}') == f'{long}"}}'


@pytest.mark.parametrize(
    ("arguments", "is_whole"),
    [
        ('{"a": 1}', True),
        ("{}", True),
        ("[]", False),
        ('{"a"', False),
        ("", False),
        ("\ud800", False),
        ("[" * 9000, False),
    ],
)
def test_arguments_are_whole_if_they_are_an_object(arguments: str, *, is_whole: bool) -> None:
    assert is_object(arguments) is is_whole
