"""Values between tags as JSON, by their schema."""

import json

import pytest

from mix2api.tools.text.parameter_values import _DECODED_CHARS, ParameterValue


def _written(chunks: list[str], *types: str, lined: bool = False) -> str:
    parts: list[str] = []
    value = ParameterValue(parts.append, frozenset(types), lined=lined)
    for chunk in chunks:
        value.text(chunk)
    value.end()
    return "".join(parts)


@pytest.mark.parametrize(
    ("value", "types", "written"),
    [
        ("a", ["string"], '"a"'),
        ("5", ["string"], '"5"'),
        ("null", ["string"], '"null"'),
        ("null", ["string", "null"], "null"),
        ("nullable", ["string", "null"], '"nullable"'),
        ("5", ["string", "integer"], '"5"'),
        ("[1]", ["string", "array"], "[1]"),
        ("[1", ["string", "array"], '"[1"'),
        ("{a}", ["string", "array"], '"{a}"'),
        (" 5 ", ["integer"], "5"),
        ("five", ["integer"], '"five"'),
        ("True", ["boolean"], "true"),
        ('{"a": 1.50}', ["object"], '{"a": 1.50}'),
        ("{'a': None}", ["object"], '{"a": null}'),
        ("{'a': 1} more", ["object"], "\"{'a': 1} more\""),
        ("{1: }", ["object"], '"{1: }"'),
        ("[" * 2000, ["array"], json.dumps("[" * 2000)),
        ("5", [], "5"),
        ("a 'b'\n", [], "\"a 'b'\\n\""),
        ("[1, 2]", [], "[1, 2]"),
        ("", [], '""'),
        ("", ["string"], '""'),
    ],
)
def test_a_value_is_written_by_its_schema(value: str, types: list[str], written: str) -> None:
    assert _written([value], *types) == _written(list(value), *types) == written


@pytest.mark.parametrize("types", [["string"], ["string", "array"], []])
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("\na\n", "a"),
        ("\r\na\r\n", "a"),
        ("a", "a"),
        ("\n\na\n\n", "\na\n"),
        ("\n", ""),
        ("\n\n", ""),
        ("\r", "\r"),
        ("a\r", "a\r"),
        ("\na\r\r\n", "a\r"),
        ("\rb", "\rb"),
        ("a\nb", "a\nb"),
    ],
)
def test_the_line_ends_of_the_form_are_no_part_of_a_value(value: str, meant: str, types: list[str]) -> None:
    for place in range(len(value) + 1):
        assert json.loads(_written([value[:place], value[place:]], *types, lined=True)) == meant
    assert json.loads(_written(list(value), *types, lined=True)) == meant
    assert json.loads(_written([value], "string")) == value


def test_a_string_streams_and_anything_else_waits() -> None:
    parts: list[str] = []
    for types, written in ((["string"], ['"', "a", 'b\\"']), ([], [])):
        value = ParameterValue(parts.append, frozenset(types), lined=False)
        value.text("a")
        value.text('b"')
        assert parts == written
        parts.clear()


def test_a_list_that_is_too_long_to_be_decoded_at_once_is_read_loosely() -> None:
    value = '["' + "a" * _DECODED_CHARS + '",]'
    assert _written([value], "array") == value.replace(",]", "]")
