"""Pack B: tool calls arrive whole, loops close, and nothing is executed or changed on the way. Data and pure judgement."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from mix2api.packs.case import Case, Needs, Step, ToolForm, World, with_result
from mix2api.packs.evidence import Ask, Evidence, Json, Place, Seen, part
from mix2api.packs.judging import calls, calls_of, refusal, stream, whole

_WEATHER: Final[Json] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_TOOLS: Final = [{"type": "function", "function": _WEATHER}]
_ISSUE: Final[Json] = {
    "type": "function",
    "function": {
        "name": "mcp__tracker__create_issue",
        "description": "Creates an issue.",
        "parameters": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "fields": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
                "labels": {"type": "array", "items": {"$ref": "#/$defs/label"}},
            },
            "$defs": {"label": {"type": "string", "enum": ["bug", "\u4e2d"]}},
            "additionalProperties": False,
        },
        "strict": False,
        "annotations": {"readOnlyHint": False, "x-unknown": [1, None, {"deep": []}]},
    },
}
"""A tool as a client of MCP offers it: nested schemas, references and fields that the adapter does not know."""
_ISSUE_CALL: Final[Json] = {"fields": {"title": 'a "b" \\ \u4e2d', "body": None}, "labels": ["bug"], "n": 1.5}
_PARIS: Final[Json] = {"city": "Paris"}
_ROME: Final[Json] = {"city": "Rome"}
_QUESTION: Final = "What is the weather in Paris?"
_CALL: Final = 'get_weather{"city":"Paris"}'
_CITIES: Final = f'{_CALL};get_weather{{"city":"Rome"}}'


def _asking(directive: str = f"[[tools:{_CALL}]]", **fields: object) -> Step:
    given = {"tools": _TOOLS, "tool_choice": "required", **fields}
    kept = {name: value for name, value in given.items() if value is not None}
    return lambda world, _: world.chat(_QUESTION, directive, **kept)


def _called(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        yield from (stream if seen.is_stream else whole)(seen, ours=evidence.ours, finish="tool_calls")
        yield from calls(seen, ("get_weather", _PARIS), ours=evidence.ours)


def _several(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        yield from calls(seen, ("get_weather", _PARIS), ("get_weather", _ROME), ours=evidence.ours)


def _in_words(evidence: Evidence) -> Iterator[str]:
    yield from _called(evidence)
    if any("tool_call" in seen.text or '"city"' in seen.text for seen in evidence.seen):
        yield "the protocol of a call in text leaks into the answer's text"


def _result(_: World, seen: tuple[Seen, ...]) -> Ask:
    asked = seen[0].ask.body
    body = dict(asked) if isinstance(asked, dict) else {}
    body.pop("tool_choice", None)
    return Ask(body={**body, "messages": with_result(seen[0], "sunny, 24 degrees")})


def _closed(evidence: Evidence) -> Iterator[str]:
    first, second = evidence.seen
    yield from calls(first, ("get_weather", _PARIS), ours=evidence.ours)
    yield from whole(second, ours=evidence.ours)
    if not second.text:
        yield "the answer after the tool's result has no text"
    if calls_of(second):
        yield "the tool is called again, though its result is there"


def _broken_history(change: Callable[[Json, Json], list[Json]]) -> Step:
    def ask(world: World, _: tuple[Seen, ...]) -> Ask:
        call = {
            "id": "call_pack0001",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        }
        result = {"role": "tool", "tool_call_id": "call_pack0001", "content": "sunny"}
        called = {"role": "assistant", "content": None, "tool_calls": [call]}
        messages = [{"role": "user", "content": _QUESTION}, *change(called, result)]
        return Ask(body={"model": world.model, "messages": messages, "tools": _TOOLS})

    return ask


def _mismatch(evidence: Evidence) -> Iterator[str]:
    yield from refusal(evidence, 400, code="tool_call_id_mismatch", param="messages")


def _legacy(evidence: Evidence) -> Iterator[str]:
    seen = evidence.last
    yield from whole(seen, ours=evidence.ours, finish="function_call")
    function = part(part(seen.choices[0], "message"), "function_call") if seen.choices else {}
    if function.get("name") != "get_weather":
        yield "the message has no `function_call` of the function"
        return
    try:
        given = msgspec.json.decode(function.get("arguments") or "")
    except msgspec.DecodeError:
        given = None
    if given != _PARIS:
        yield "the function's arguments are not those that the model gave"


def _none_called(evidence: Evidence) -> Iterator[str]:
    yield from whole(evidence.last, ours=evidence.ours)
    if calls_of(evidence.last):
        yield "a tool is called, though `tool_choice` is none"


def _mcp_call(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        yield from calls(seen, ("mcp__tracker__create_issue", _ISSUE_CALL), ours=evidence.ours)
    yield from _nothing_ran(evidence)


def _server_tool(world: World) -> Json:
    return {
        "type": "mcp",
        "server_label": "tracker",
        "server_url": world.mcp_url,
        "require_approval": "never",
        "allowed_tools": {"read_only": True, "tool_names": ["create_issue"]},
    }


def _offering_mcp(world: World, _: tuple[Seen, ...]) -> Ask:
    return world.chat("Say hello.", "[[say:hello]]", tools=[_server_tool(world), _ISSUE])


def _not_run(evidence: Evidence) -> Iterator[str]:
    yield from whole(evidence.last, ours=evidence.ours)
    if calls_of(evidence.last):
        yield "a tool that is not a function is called"
    yield from _nothing_ran(evidence)


def _nothing_ran(evidence: Evidence) -> Iterator[str]:
    if evidence.executions:
        yield f"the server connected {evidence.executions} times to the MCP server: it executes tools"


def _received(_: World, __: tuple[Seen, ...]) -> Ask:
    return Ask(place=Place.SITE, method="GET", path="/demo/received")


def _unchanged(evidence: Evidence) -> Iterator[str]:
    asked, received = evidence.seen
    sent = asked.ask.body.get("tools") if isinstance(asked.ask.body, dict) else None
    bodies = received.json.get("received") if isinstance(received.json, dict) else None
    if not isinstance(bodies, list) or not bodies:
        yield "the site received nothing"
    elif not isinstance(bodies[-1], dict) or bodies[-1].get("tools") != sent:
        yield "the tools that the site received are not those that were offered"


STREAMED_AND_WHOLE: Final = (True, False)
TOOLS: Final = (
    Case(
        id="B-call",
        title="a tool is called in a whole answer",
        steps=(_asking(),),
        judge=_called,
        needs=Needs.DEMO,
    ),
    Case(
        id="B-stream",
        title="a tool call is streamed in pieces that fit together",
        steps=(_asking(stream=True),),
        judge=_called,
        needs=Needs.DEMO,
    ),
    Case(
        id="B-several",
        title="several calls keep apart, streamed and whole",
        steps=tuple(_asking(f"[[tools:{_CITIES}]]", stream=each) for each in STREAMED_AND_WHOLE),
        judge=_several,
        needs=Needs.DEMO,
    ),
    Case(
        id="B-text",
        title="a call that the model writes as text becomes a tool call",
        steps=tuple(_asking(f"[[text_tools:{_CALL}]]", stream=each) for each in STREAMED_AND_WHOLE),
        judge=_in_words,
        needs=Needs.DEMO,
        tools=ToolForm.TEXT,
    ),
    Case(
        id="B-loop",
        title="a tool loop closes with the result",
        steps=(_asking(), _result),
        judge=_closed,
        needs=Needs.DEMO,
    ),
    Case(
        id="B-unknown",
        title="a result of a call that was never made is refused",
        steps=(_broken_history(lambda called, result: [called, {**result, "tool_call_id": "call_other"}]),),
        judge=_mismatch,
    ),
    Case(
        id="B-missing",
        title="a call without its result is refused",
        steps=(_broken_history(lambda called, _: [called, {"role": "user", "content": "And?"}]),),
        judge=_mismatch,
    ),
    Case(
        id="B-twice",
        title="a result that is given twice is refused",
        steps=(_broken_history(lambda called, result: [called, result, result]),),
        judge=_mismatch,
    ),
    Case(
        id="B-legacy",
        title="a legacy caller gets a `function_call`",
        steps=(_asking(functions=[_WEATHER], tools=None, tool_choice=None),),
        judge=_legacy,
        needs=Needs.DEMO,
    ),
    Case(
        id="B-none",
        title="`tool_choice: none` keeps tools from being called",
        steps=(_asking(tool_choice="none"),),
        judge=_none_called,
    ),
    Case(
        id="B-mcp-call",
        title="a tool of an MCP client is called with its arguments unchanged, and not executed",
        steps=tuple(
            _asking(
                f"[[tools:mcp__tracker__create_issue{msgspec.json.encode(_ISSUE_CALL).decode()}]]",
                tools=[_ISSUE],
                stream=each,
            )
            for each in STREAMED_AND_WHOLE
        ),
        judge=_mcp_call,
        needs=Needs.DEMO,
    ),
    Case(
        id="B-mcp-server",
        title="a tool of type mcp is neither called nor executed",
        steps=(_offering_mcp,),
        judge=_not_run,
    ),
    Case(
        id="B-mcp-shape",
        title="the tools reach the site in the shape in which they were offered",
        steps=(_offering_mcp, _received),
        judge=_unchanged,
        needs=Needs.SITE,
        tools=ToolForm.NATIVE,
    ),
)
