"""The debugging switches of the earlier adapter: they take effect, and what they tell is redacted."""

import json
from typing import Final

import msgspec
from case_files import canned_site, stream_answer
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.demo import DemoOptions

_SECRET = "zQ7plantedSecret42"
_HEADERS = {
    "x-request-id": "told",
    "x-session-key": _SECRET,
    "cookie": f"sid={_SECRET}",
    "x-note": f"bearer {_SECRET}",
    "x-plain": "a plain value",
}
_MANAGED: Final = {
    "UPSTREAM_AUTH_MODE": "managed",
    "UPSTREAM_TOKEN_BODY_JSON": json.dumps({"password": _SECRET}),
}
_EVENTS: Final = ("debug.headers", "debug.body", "debug.tools", "debug.call", "debug.credential")


async def ask_for_tools(system: WholeSystem) -> None:
    """Offers `f`, and a tool that has a secret for a name."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", f"token={_SECRET}")]
    body = {"model": "mix/q", "messages": [{"role": "user", "content": "go"}], "tools": tools}
    headers = {"x-request-id": "told"}
    asked = system.client.request("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
    async with asked as answer:
        assert (await answer.answer()).status == 200


async def ask(system: WholeSystem) -> None:
    arguments = json.dumps({"password": _SECRET})
    await system.client.ask(f"say hello, with {arguments}", headers=_HEADERS, stream=True)


def lines(system: WholeSystem, event: str) -> list[dict[str, object]]:
    return [line for line in system.log_lines(event) if line["request_id"] == "told"]


async def test_headers_are_told_without_what_is_secret(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, LOG_HEADERS="true") as system:
        await ask(system)
        (line,) = lines(system, "debug.headers")
        assert lines(system, "debug.body") == []
        logged = system.logged.getvalue()
    headers = line["headers"]
    assert isinstance(headers, dict)
    assert headers["x-plain"] == "a plain value"
    assert headers["authorization"] == headers["cookie"] == headers["x-session-key"] == "[redacted]"
    assert _SECRET not in logged


async def test_bodies_are_told_without_what_is_secret(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, LOG_BODIES="true") as system:
        await ask(system)
        (line,) = lines(system, "debug.body")
        assert lines(system, "debug.headers") == []
        logged = system.logged.getvalue()
    body = line["body"]
    assert isinstance(body, list)
    assert "say hello" in "".join(body)
    assert _SECRET not in logged


async def test_calls_in_text_are_told_without_what_is_secret(redis_server: RedisServer) -> None:
    text = json.dumps({"name": "f", "arguments": {"password": _SECRET, "path": "a.txt"}})
    delta = {"type": "text-delta", "id": "0", "delta": f"<tool_call>{text}</tool_call>"}
    said = stream_answer(
        '{"type":"start","messageId":"m1"}', json.dumps(delta), '{"type":"finish","finishReason":"stop"}'
    )
    async with (
        canned_site(said) as site,
        whole_system(
            Shape.SERVE, redis_server.url, UPSTREAM_API_BASE=site.url, LOG_TOOL_PARSE="true"
        ) as system,
    ):
        await ask_for_tools(system)
        (line,) = lines(system, "debug.call")
        assert lines(system, "debug.tools") == []
        logged = system.logged.getvalue()
    assert (line["fate"], line["name"]) == ("whole", "f")
    assert "a.txt" in "".join(map(str, line["arguments"]))
    assert _SECRET not in logged


async def test_chosen_tools_are_told_without_what_is_secret(redis_server: RedisServer) -> None:
    switches = {"LOG_TOOL_SELECTION": "true", "TOOL_MAX_COUNT": "2"}
    async with whole_system(Shape.SERVE, redis_server.url, **switches) as system:
        await ask_for_tools(system)
        (line,) = lines(system, "debug.tools")
        assert lines(system, "debug.call") == []
        logged = system.logged.getvalue()
    assert line["names"] == ["f", "token=[redacted]"]
    assert (line["offered"], line["told"], line["callable"], line["mode"]) == (2, 2, 2, "auto")
    assert _SECRET not in logged


async def test_the_life_of_a_token_is_told_without_the_token(redis_server: RedisServer) -> None:
    switches = {**_MANAGED, "LOG_TOKEN_INFO": "true"}
    strict = DemoOptions(require_token=True)
    async with whole_system(Shape.SERVE, redis_server.url, demo=strict, **switches) as system:
        await ask(system)
        steps = [line["step"] for line in system.log_lines("debug.credential")]
        logged = system.logged.getvalue()
    assert steps == ["logged_in", "used", "accepted"]
    assert _SECRET not in logged


async def test_without_the_switches_there_are_no_such_lines(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        await ask(system)
        assert [line for event in _EVENTS for line in system.log_lines(event)] == []
