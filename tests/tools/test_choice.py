"""What a turn offers, and by which rule it may be called."""

from typing import Any

import pytest
from msgspec import structs

from mix2api.errors import InvalidRequest
from mix2api.tools.checks import check_tools
from mix2api.tools.choice import CallMode, Choice, choice_of
from mix2api.tools.offer import offer_of
from mix2api.wire.turn import Message, Turn

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("read", "write")]
OFFERED = frozenset({"read", "write"})
READ = {"type": "function", "function": {"name": "read"}}


def turn(choice: Any, tools: list[dict[str, Any]] | None = TOOLS) -> Turn:
    return Turn(model="m", messages=[Message(role="user", content="x")], tools=tools, tool_choice=choice)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (None, Choice(CallMode.FREELY)),
        ("auto", Choice(CallMode.FREELY)),
        ("none", Choice(CallMode.NEVER)),
        ("required", Choice(CallMode.ALWAYS)),
        (READ, Choice(CallMode.ALWAYS, frozenset({"read"}))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [READ]}},
            Choice(CallMode.FREELY, frozenset({"read"})),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "read"}]},
            Choice(CallMode.ALWAYS, frozenset({"read"})),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"tools": ["x", {"type": "mcp"}, {"function": 5}, {}]},
            },
            Choice(CallMode.FREELY, frozenset()),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "mcp", "server_label": "x"}]},
            },
            Choice(CallMode.FREELY, frozenset()),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "mcp"}, READ]},
            },
            Choice(CallMode.ALWAYS, frozenset({"read"})),
        ),
        ({"type": "custom", "custom": {"name": "grep"}}, Choice(CallMode.FREELY)),
        ({"type": "mcp", "server_label": "x"}, Choice(CallMode.FREELY)),
    ],
)
def test_every_form_of_choice_is_one_rule(asked: Any, meant: Choice) -> None:
    assert choice_of(turn(asked), OFFERED) == meant


@pytest.mark.parametrize(
    ("asked", "tools"),
    [
        ({"type": "function", "function": {"name": "delete"}}, TOOLS),
        ({"type": "function", "function": {"name": "read"}}, None),
        ("required", None),
        ("required", []),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "never", "tools": []}}, TOOLS),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, TOOLS),
        ({"type": "allowed_tools", "allowed_tools": {"mode": ["auto"], "tools": []}}, TOOLS),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}, TOOLS),
        ({"type": "allowed_tools", "allowed_tools": 5}, TOOLS),
    ],
)
def test_a_choice_that_cannot_be_honoured_is_refused(asked: Any, tools: list[dict[str, Any]] | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        offer_of(turn(asked, tools))
    assert (refused.value.param, refused.value.status) == ("tool_choice", 400)


def test_a_legacy_caller_is_told_in_its_own_words() -> None:
    asked = structs.replace(turn({"type": "function", "function": {"name": "delete"}}), legacy_functions=True)
    with pytest.raises(InvalidRequest) as refused:
        offer_of(asked)
    assert refused.value.param == "function_call"
    assert "`functions`" in str(refused.value)


def test_required_may_be_for_a_tool_that_is_no_function() -> None:
    offer_of(turn("required", [{"type": "mcp", "server_label": "x"}]))


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        (Choice(), True),
        (Choice(CallMode.NEVER), False),
        (Choice(CallMode.ALWAYS, frozenset({"read"})), True),
        (Choice(CallMode.ALWAYS, frozenset({"write"})), False),
    ],
)
def test_a_rule_allows_names(choice: Choice, *, allowed: bool) -> None:
    assert choice.allows("read") is allowed


def test_without_a_choice_ids_and_results_are_checked_all_the_same() -> None:
    check_tools(turn(None))
    asked = turn(None)
    asked.messages.append(Message(role="tool", tool_call_id="call_1"))
    with pytest.raises(InvalidRequest, match="no tool call before it"):
        check_tools(asked)
