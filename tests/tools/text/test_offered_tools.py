"""What of a turn's tools decides about its answer's text."""

from typing import Any

import pytest

from mix2api.tools.choice import CallMode, Choice
from mix2api.tools.offer import FunctionTool, Offer
from mix2api.tools.text.offered_tools import _JUDGED_CHARS, OfferedTools


def _of(parameters: dict[str, Any] | None) -> OfferedTools:
    return OfferedTools.of(Offer(functions=(FunctionTool("f", parameters=parameters),)))


def test_tools_that_may_not_be_called_are_known() -> None:
    functions = (FunctionTool("f"), FunctionTool("g"))
    offer = Offer(functions=functions, choice=Choice(CallMode.ALWAYS, frozenset({"f"})))
    offered = OfferedTools.of(offer, called=["f", "h"])
    assert (offered.names, offered.known) == (frozenset({"f"}), frozenset({"g", "h"}))


@pytest.mark.parametrize(
    ("arguments", "has"),
    [
        ('{"a": 1, "b": null}', True),
        ('{"a": 1}', False),
        ("[]", False),
        ("{", False),
        ("\ud800", False),
        ("[" * 100_000, False),
        (" " * (_JUDGED_CHARS + 1), True),
    ],
)
def test_required_keys_are_looked_for(arguments: str, *, has: bool) -> None:
    assert _of({"required": ["a", "b", 3]}).has_required("f", arguments) is has


@pytest.mark.parametrize("parameters", [None, {}, {"required": "a"}, {"required": []}])
def test_without_required_keys_any_arguments_will_do(parameters: dict[str, Any] | None) -> None:
    assert _of(parameters).has_required("f", "{}")


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null", 3]}, {"string", "null"}),
        ({"enum": ["a", 1]}, {"string"}),
        ({"enum": [1]}, set()),
        ({"anyOf": [{"type": "string"}, {"oneOf": [{"type": "integer"}]}, 5]}, {"string", "integer"}),
        ({"allOf": {"type": "string"}}, set()),
        ({}, set()),
        (True, set()),
    ],
)
def test_types_are_found_wherever_a_schema_says_them(schema: Any, types: set[str]) -> None:
    assert _of({"properties": {"k": schema}}).types_of("f", "k") == types


@pytest.mark.parametrize("parameters", [None, {}, {"properties": []}, {"properties": {}}])
def test_a_parameter_that_no_schema_tells_of_has_no_type(parameters: dict[str, Any] | None) -> None:
    assert _of(parameters).types_of("f", "k") == frozenset()


def test_alternatives_without_end_are_not_followed() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        schema = {"anyOf": [schema, {"type": "integer"}]}
    assert _of({"properties": {"k": schema}}).types_of("f", "k") == {"integer"}
