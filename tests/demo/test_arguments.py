from typing import Any

import pytest

from mix2api.demo.arguments import Arguments, arguments_for
from mix2api.demo.offers import OfferedTool
from mix2api.demo.picks import Pick

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}
WHOLE: dict[str, Any] = {"type": "integer"}


def filled(
    text: str, properties: dict[str, Any], required: list[str] | None = None, **schema: Any
) -> Arguments:
    wanted = list(properties) if required is None else required
    parameters = {"type": "object", "properties": properties, "required": wanted, **schema}
    return arguments_for(Pick(OfferedTool("tool", parameters=parameters), text), text)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("What's the weather in New York today?", "city", "New York"),
        ("weather in oslo", "location", "oslo"),
        ("北京天气", "city", "北京"),
        ("Read src/main.py, please.", "filePath", "src/main.py"),
        ("Show ~/notes/todo.md", "path", "~/notes/todo.md"),
        ("Look into /etc/hosts", "file", "/etc/hosts"),
        ("Run `git log -3`", "command", "git log -3"),
        ("run git status", "command", "git status"),
        ("Read README.md", "cmd", "cat README.md"),
        ("Show `src/main.py`, please", "command", "cat src/main.py"),
        ("Run `./build.sh`", "command", "./build.sh"),
        ("Fetch https://example.org/a?b=1.", "url", "https://example.org/a?b=1"),
        ("Write to bob@example.org", "to", "bob@example.org"),
        ("Fly to Rome", "to", "Rome"),
        ("Search for TODO in src", "pattern", "TODO"),
        ("Find *.md", "pattern", "*.md"),
        ("all python files", "glob", "**/*.py"),
        ("What time is it in Europe/Berlin?", "timezone", "Europe/Berlin"),
        ("on 2026-12-24", "date", "2026-12-24"),
        ("Calculate 12 * (3+4)", "expression", "12 * (3+4)"),
        ('Write "hi there" to a.txt', "content", "hi there"),
        ("Write hello to a.txt", "content", "hello"),
        ("Mail Bob saying good morning", "body", "good morning"),
        ("Search the web for structured concurrency", "query", "structured concurrency"),
        ("Greet Ada Lovelace!", "name", "Ada Lovelace"),
        ('the colour is "dark red"', "colour", "dark red"),
        ("set colour=blue, please", "colour", "blue"),
        ("user_name: ada", "user_name", "ada"),
        ("Where is order AB-1234?", "order_id", "AB-1234"),
        ("Close ticket #77, please", "ticket", "#77"),
    ],
)
def test_a_text_that_is_required_comes_from_the_words(text: str, key: str, value: str) -> None:
    assert filled(text, {key: TEXT}) == Arguments({key: value}, found=True)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "enum": ["celsius", "fahrenheit"]}, "fahrenheit"),
        ({"enum": ["kelvin", "rankine"]}, "kelvin"),
        ({"enum": ["kelvin", "rankine"], "default": "rankine"}, "rankine"),
        ({"const": 5}, 5),
        ({"type": "boolean"}, False),
        ({"type": "boolean", "default": True}, True),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "string", "format": "uri"}, "https://a.example/b"),
        ({"type": "integer"}, 7),
        ({"type": "integer", "minimum": 1, "maximum": 5, "default": 3}, 3),
        ({"type": ["null", "integer"]}, 7),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 7),
        ({"type": "array", "items": {"type": "integer"}}, [7, 2.5][:1]),
        ({"type": "array", "items": {"type": "number"}}, [7, 2.5]),
        ({"$ref": "#/$defs/Unit"}, "fahrenheit"),
        ({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, {"n": 7}),
    ],
)
def test_a_schema_says_what_fits(schema: dict[str, Any], value: Any) -> None:
    defs = {"Unit": {"enum": ["celsius", "fahrenheit"]}}
    text = "7 or 2.5 in fahrenheit, see https://a.example/b"
    assert filled(text, {"x1": schema}, **{"$defs": defs}) == Arguments({"x1": value}, found=True)


@pytest.mark.parametrize(
    ("key", "schema", "value"),
    [
        ("url", TEXT, "https://example.com/"),
        ("path", TEXT, "."),
        ("command", TEXT, "ls"),
        ("thing", TEXT, "do it"),
        ("n", WHOLE, 1),
        ("n", {"type": "integer", "minimum": 4}, 4),
        ("n", {"type": "number", "maximum": 0.5}, 0.5),
        ("o", {"type": "null"}, None),
        ("list", {"type": "array", "items": {"type": "integer"}, "minItems": 3}, [1, 1, 1]),
        ("list", {"type": "array", "items": {"type": "integer"}, "minItems": 10**9}, [1] * 16),
        ("any", {}, "do it"),
        ("odd", True, "do it"),
    ],
)
def test_a_harmless_value_stands_in_for_what_the_words_lack(key: str, schema: Any, value: Any) -> None:
    assert filled("do it", {key: schema}) == Arguments({key: value}, found=False)


def test_two_parameters_of_a_kind_get_two_values_in_the_order_of_the_words() -> None:
    assert filled("add 2 and 3", {"a": WHOLE, "b": WHOLE}).values == {"a": 2, "b": 3}
    flight = {"origin": TEXT, "destination": TEXT, "day": {**TEXT, "format": "date"}, "seats": WHOLE}
    assert filled("Fly from Berlin to Rome on 2026-12-24 with 2 seats", flight).values == {
        "origin": "Berlin",
        "destination": "Rome",
        "day": "2026-12-24",
        "seats": 2,
    }
    edit = {"file": TEXT, "old": TEXT, "new": TEXT}
    assert filled('Replace "hi" with "bye" in a.txt', edit).values == {
        "file": "a.txt",
        "old": "hi",
        "new": "bye",
    }


def test_a_key_that_is_not_required_is_given_only_if_the_words_give_it_expressly() -> None:
    optional = {
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "limit": WHOLE,
        "deep": {"type": "boolean"},
        "path": TEXT,
        "tags": {"type": "array"},
    }
    assert filled("read a.txt 5 times", optional, []) == Arguments({}, found=True)
    stated = "in celsius, limit=5, deep: yes, path=a.txt, tags=x"
    assert filled(stated, optional, []).values == {
        "unit": "celsius",
        "limit": 5,
        "deep": True,
        "path": "a.txt",
    }
    assert filled("limit=many, deep: perhaps", optional, []).values == {}


def test_what_the_clause_says_comes_before_what_the_whole_text_says() -> None:
    schema = {"type": "object", "properties": {"path": TEXT, "to": TEXT}, "required": ["path"]}
    tool = OfferedTool("read", parameters=schema)
    whole = "Read a.txt and read b.txt"
    assert arguments_for(Pick(tool, "read b.txt"), whole).values == {"path": "b.txt"}
    assert arguments_for(Pick(tool, "read it"), whole).values == {"path": "a.txt"}


def test_required_keys_without_a_schema_get_a_text() -> None:
    assert filled("do it", {}, ["x"]).values == {"x": "do it"}


@pytest.mark.parametrize(
    "parameters", [{}, {"type": "object"}, {"properties": 5, "required": "x"}, {"required": [5]}]
)
def test_a_tool_without_a_usable_schema_gets_an_empty_object(parameters: dict[str, Any]) -> None:
    assert arguments_for(Pick(OfferedTool("t", parameters=parameters), "x"), "x") == Arguments({}, found=True)


def test_a_schema_that_refers_to_itself_ends() -> None:
    node: dict[str, Any] = {
        "type": "object",
        "properties": {
            "next": {"$ref": "#/$defs/N"},
            "all": {"type": "array", "items": {"$ref": "#/$defs/N"}},
        },
        "required": ["next", "all"],
    }
    assert set(filled("x", {"n": {"$ref": "#/$defs/N"}}, **{"$defs": {"N": node}}).values) == {"n"}
    loop = {"$ref": "#/$defs/L"}
    assert set(filled("x", {"n": loop}, **{"$defs": {"L": loop}}).values) == {"n"}
