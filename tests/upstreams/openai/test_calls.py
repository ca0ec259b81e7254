"""Deltas of tool calls: in turn, side by side, under wrong indexes, without ids and names."""

from typing import Any

from mix2api.upstreams.openai.calls import CallDeltas
from mix2api.upstreams.openai.chunks import CallDelta, CalledFunction
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted


def piece(arguments: str | None = None, **fields: Any) -> CallDelta:
    name = fields.pop("name", None)
    function = None if name is None and arguments is None else CalledFunction(name, arguments)
    return CallDelta(**fields, function=function)


def test_a_call_begins_with_its_name_and_is_whole_when_the_next_one_begins() -> None:
    calls = CallDeltas()
    assert calls.events([piece("", index=0, id="a", name="f")]) == [ToolInputStarted("a", "f")]
    assert calls.events([piece('{"x":', index=0)]) == [ToolInputDelta("a", '{"x":')]
    assert calls.events([piece("1}", index=0), piece(index=1, id="b", name="g")]) == [
        ToolInputDelta("a", "1}"),
        ToolInputAvailable("a", "f", ""),
        ToolInputStarted("b", "g"),
    ]
    assert calls.end() == [ToolInputAvailable("b", "g", "")]


def test_calls_side_by_side_are_whole_at_the_end() -> None:
    calls = CallDeltas()
    calls.events([piece("{", index=0, id="a", name="f"), piece("{", index=1, id="b", name="f")])
    calls.events([piece("}", index=0), piece("}", index=1)])
    assert calls.end() == [ToolInputAvailable("a", "f", ""), ToolInputAvailable("b", "f", "")]


def test_arguments_that_are_no_object_are_never_whole() -> None:
    calls = CallDeltas()
    calls.events([piece('{"x":', index=0, id="a", name="f")])
    assert calls.end() == []


def test_another_id_under_the_same_index_is_another_call() -> None:
    calls = CallDeltas()
    calls.events([piece("{}", index=0, id="a", name="f")])
    assert calls.events([piece("{}", index=0, id="b", name="f")]) == [
        ToolInputAvailable("a", "f", ""),
        ToolInputStarted("b", "f"),
        ToolInputDelta("b", "{}"),
    ]
    assert calls.events([piece(None, index=0, id="b")]) == []


def test_calls_without_index_and_id_are_told_apart_by_their_place() -> None:
    calls = CallDeltas()
    assert calls.events([piece("{}", name="f"), piece("{}", name="g")]) == [
        ToolInputStarted("call-0", "f"),
        ToolInputDelta("call-0", "{}"),
        ToolInputAvailable("call-0", "f", ""),
        ToolInputStarted("call-1", "g"),
        ToolInputDelta("call-1", "{}"),
    ]


def test_a_name_that_comes_late_begins_the_call_with_what_came_before() -> None:
    calls = CallDeltas()
    assert calls.events([piece("{", index=0, id="a")]) == []
    assert calls.events([piece("}", index=0, name="f")]) == [
        ToolInputStarted("a", "f"),
        ToolInputDelta("a", "{"),
        ToolInputDelta("a", "}"),
    ]


def test_a_call_that_never_gets_a_name_is_none() -> None:
    calls = CallDeltas()
    calls.events([piece("{}", index=0, id="a")])
    assert calls.end() == []
