"""The forms of tools and choices that clients send."""

from typing import Any

import pytest

from mix2api.errors import InvalidRequest
from mix2api.wire.tool_fields import tool_choice_of, tools_of

WRAPPED = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"a": [1.0, {"b": None}]}, "strict": True},
}
FLAT = WRAPPED["function"]


@pytest.mark.parametrize(
    "tool",
    [
        WRAPPED,
        {"type": "mcp", "server_label": "x", "name": "not a function"},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "inner"}]},
        {"type": "web_search"},
        {"type": "custom", "custom": {"name": "grep", "format": {"type": "text"}}},
        {"placeholder": True},
        {},
    ],
)
def test_openai_s_form_and_what_is_no_function_stay_as_they_are(tool: dict[str, Any]) -> None:
    (kept,) = tools_of([tool], None) or []
    assert kept is tool


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", **FLAT},
        FLAT,
        {"type": None, **FLAT},
        {"type": "function", "function": None, **FLAT},
        {"function": FLAT},
        {"type": None, "function": FLAT},
    ],
)
def test_old_entries_get_the_wrapper_and_lose_nothing(tool: dict[str, Any]) -> None:
    assert tools_of([tool], None) == [WRAPPED]


def test_marks_beside_the_function_are_kept() -> None:
    tool = {"function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}
    assert tools_of([tool], None) == [{"type": "function", **tool}]


def test_legacy_functions_get_the_wrapper() -> None:
    assert tools_of(None, [FLAT]) == [WRAPPED]
    assert tools_of(None, None) is None
    assert tools_of([], [FLAT]) == []


@pytest.mark.parametrize(
    ("tools", "functions", "param"),
    [
        ([{"type": 5}], None, "tools[0].type"),
        ([{"type": "function"}], None, "tools[0].function"),
        ([{"type": "function", "function": 5}], None, "tools[0].function"),
        ([{"function": 5, "name": "f"}], None, "tools[0].function"),
        ([WRAPPED, {"type": "function", "function": {}}], None, "tools[1].function.name"),
        ([{"type": "function", "name": ""}], None, "tools[0].function"),
        (None, [{"name": 5}], "functions[0].name"),
    ],
)
def test_a_function_without_a_name_is_refused(tools: Any, functions: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        tools_of(tools, functions)
    assert refused.value.param == param


READ = {"type": "function", "function": {"name": "read"}}


@pytest.mark.parametrize(
    ("choice", "legacy", "kept"),
    [
        (None, None, None),
        ("required", None, "required"),
        (READ, None, READ),
        ({"type": "function", "name": "read"}, None, READ),
        ({"type": "mcp", "server_label": "x"}, None, {"type": "mcp", "server_label": "x"}),
        (None, "none", "none"),
        (None, {"name": "read"}, READ),
        ("auto", "none", "auto"),
    ],
)
def test_a_choice_has_openai_s_form(choice: Any, legacy: Any, kept: Any) -> None:
    assert tool_choice_of(choice, legacy) == kept


@pytest.mark.parametrize(
    ("choice", "legacy", "param"),
    [
        ("any", None, "tool_choice"),
        ({}, None, "tool_choice.type"),
        ({"type": "function"}, None, "tool_choice.function.name"),
        ({"type": "function", "function": {"name": 5}}, None, "tool_choice.function.name"),
        (None, "required", "function_call"),
        (None, {}, "function_call.name"),
    ],
)
def test_a_choice_that_is_none_is_refused(choice: Any, legacy: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        tool_choice_of(choice, legacy)
    assert refused.value.param == param
