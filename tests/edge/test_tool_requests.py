"""Requests about tools that cannot be honoured: refused at the edge, nothing is submitted."""

from typing import Any

import pytest
from edge.harness import running_edge

USER = {"role": "user", "content": "go"}
TOOL = {"type": "function", "function": {"name": "read"}}


def calling(*ids: str) -> dict[str, Any]:
    calls = [
        {"id": each, "type": "function", "function": {"name": "read", "arguments": "{}"}} for each in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def told(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "done"}


MISMATCH = "tool_call_id_mismatch"
WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "one of three results is missing": (
        {"messages": [USER, calling("call_1", "call_2", "call_3"), told("call_1"), told("call_3")]},
        MISMATCH,
        "messages",
        "call_2",
    ),
    "an unknown result": (
        {"messages": [USER, calling("call_1"), told("call_9")]},
        MISMATCH,
        "messages",
        "call_9",
    ),
    "the same result twice": (
        {"messages": [USER, calling("call_1"), told("call_1"), told("call_1")]},
        MISMATCH,
        "messages",
        "call_1",
    ),
    "a result without a call": ({"messages": [USER, told("call_1")]}, MISMATCH, "messages", "call_1"),
    "a call that the user talks over": (
        {"messages": [USER, calling("call_1"), USER]},
        MISMATCH,
        "messages",
        "call_1",
    ),
    "an id that is too long": (
        {"messages": [USER, calling("x" * 8193), told("x" * 8193)]},
        "invalid_value",
        "messages[1].tool_calls[0].id",
        "8192",
    ),
    "an id that is empty": (
        {"messages": [USER, calling(""), told("call_1")]},
        "invalid_value",
        "messages[1].tool_calls[0].id",
        "8192",
    ),
    "a choice of what is not offered": (
        {"messages": [USER], "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        "invalid_value",
        "tool_choice",
        "not in `tools`",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_refused_and_nothing_is_submitted(name: str, *, stream: bool) -> None:
    fields, code, param, named = WRONG[name]
    async with running_edge() as edge:
        answer = await edge.chat(**(fields | {"stream": stream}))
        assert answer.status == 400
        error = answer.error()
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
        assert named in error["message"]
        assert edge.dispatch.waiting == 0


async def test_results_in_any_order_are_submitted() -> None:
    messages = [USER, calling("call_1", "call_2"), told("call_2"), told("call_1")]
    async with running_edge() as edge:
        assert (await edge.chat(messages=messages)).status == 200
