"""Tools where something is odd: legacy callers, models that repeat ids, broken and foreign calls, clients that lose results."""

from functools import partial
from typing import Any, Final

import msgspec
import openai
import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.events.kinds import ToolCall, ToolResult
from mix2api.tools.apologies import ENGLISH
from mix2api.vocabulary import Detail, EndReason

MODEL: Final = "mix/qwen-3-235b-instruct"
SCHEMA: Final = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1.0}}}
READ: Final = {"type": "function", "function": {"name": "read", "parameters": SCHEMA, "strict": True}}
NATIVE: Final = {"SEND_UPSTREAM_TOOLS": "true"}


async def ask(system: WholeSystem, messages: list[dict[str, Any]], **fields: Any) -> Any:
    """The answer to a chat, streamed unless a field says otherwise."""
    body = {"model": MODEL, "messages": messages, "tools": [READ], "stream": True, **fields}
    async with system.client.request("POST", "/v1/chat/completions", msgspec.json.encode(body)) as asked:
        return await asked.answer()


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def message_of(answer: Any) -> dict[str, Any]:
    """The assembled message, as a client would send it back."""
    if not answer.is_stream:
        message: dict[str, Any] = answer.json()["choices"][0]["message"]
        return {
            "role": "assistant",
            "content": message["content"] or "",
            "tool_calls": message.get("tool_calls", []),
        }
    calls: dict[int, dict[str, Any]] = {}
    for choice in answer.choices():
        for piece in choice["delta"].get("tool_calls", []):
            call = calls.setdefault(
                piece["index"], {"type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = piece.get("id", call.get("id"))
            call["function"]["name"] += piece["function"].get("name", "")
            call["function"]["arguments"] += piece["function"].get("arguments", "")
    return {"role": "assistant", "content": answer.text(), "tool_calls": list(calls.values())}


def results(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in message["tool_calls"]]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("directive", ["tools", "text_tools"])
async def test_a_legacy_caller_s_loop_closes(
    directive: str, redis_server: RedisServer, *, stream: bool
) -> None:
    native = {"SEND_UPSTREAM_TOOLS": "true" if directive == "tools" else "false"}
    async with whole_system(Shape.SERVE, redis_server.url, **native) as system:
        text = f'[[{directive}:read{{"n":1}}]][[{directive}:read{{"n":2}}]]'
        url = f"http://127.0.0.1:{system.client.port}/v1"
        said, rounds = await trio.to_thread.run_sync(partial(legacy_loop, url, text, stream=stream))
        assert (said, rounds) == ("The tool read answered: 2", 2)
        assert len(system.demo.sessions) == 1
        report = await system.check_log(runs=3)
        assert report["by_end_reason"] == {"stop": 1, "tool_calls": 2}
        assert (report["tool_loops"], report["loop_closure"]) == (2, 1.0)


def legacy_loop(url: str, text: str, *, stream: bool) -> tuple[str, int]:
    """A client of `functions`, in a thread."""
    messages: list[Any] = [user(text)]
    rounds = 0
    with openai.OpenAI(base_url=url, api_key="sk-legacy", max_retries=0) as client:
        while True:
            name, arguments, said, finish = legacy_turn(client, messages, stream=stream)
            if finish != "function_call":
                return said, rounds
            rounds += 1
            called = {"name": name, "arguments": arguments}
            given = str(msgspec.json.decode(arguments)["n"])
            messages += [
                {"role": "assistant", "content": None, "function_call": called},
                {"role": "function", "name": name, "content": given},
            ]


def legacy_turn(client: openai.OpenAI, messages: list[Any], *, stream: bool) -> tuple[str, str, str, str]:
    asked: dict[str, Any] = {"model": MODEL, "messages": messages, "functions": [READ["function"]]}
    if not stream:
        choice = client.chat.completions.create(**asked).choices[0]
        call = choice.message.function_call
        assert choice.message.tool_calls is None
        if call is None:
            return "", "", choice.message.content or "", choice.finish_reason
        return call.name, call.arguments, "", choice.finish_reason
    name = arguments = said = finish = ""
    for chunk in client.chat.completions.create(stream=True, **asked):
        delta = chunk.choices[0].delta
        said += delta.content or ""
        finish = chunk.choices[0].finish_reason or finish
        if delta.function_call is not None:
            name += delta.function_call.name or ""
            arguments += delta.function_call.arguments or ""
    return name, arguments, said, finish


async def test_a_site_that_repeats_its_ids_gets_results_by_them_and_the_client_sees_no_repeats(
    redis_server: RedisServer,
) -> None:
    """The `parts` form gives calls no ids; their places, which stand in for ids, are the same in every answer."""
    async with whole_system(Shape.SERVE, redis_server.url, **NATIVE) as system:
        messages = [user('[[json:parts]][[tools_whole:read{"n":1};read{"n":2}]][[tools_whole:read{"n":3}]]')]
        ids = []
        for _ in range(2):
            message = message_of(await ask(system, messages))
            ids += [call["id"] for call in message["tool_calls"]]
            messages += [message, *results(message)]
        assert len(set(ids)) == len(ids) == 3
        assert (await ask(system, messages)).finish_reason() == "stop"
        (session,) = system.demo.sessions.values()
        sent = [each["tool_call_id"] for each in session.messages if each["role"] == "tool"]
        assert sent == ["part-0", "part-1", "part-0"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_broken_call_is_an_apology_and_never_shown_where_that_can_be_helped(
    redis_server: RedisServer, *, stream: bool
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **NATIVE) as system:
        answer = await ask(system, [user("[[bad_tool:read]]")], stream=stream)
        assert (answer.status, answer.finish_reason()) == (200, "stop")
        (run,) = await ended(system, 1)
        assert run.end.end_reason is EndReason.STOP
        if stream:
            assert (answer.text(), run.end.detail) == (ENGLISH.malformed, Detail.BROKEN_CALL)
            (half,) = message_of(answer)["tool_calls"]
            assert half["function"]["arguments"] == '{"x":'
        else:
            assert message_of(answer)["tool_calls"] == []


@pytest.mark.parametrize("stream", [True, False])
async def test_a_broken_call_in_text_never_shows(redis_server: RedisServer, *, stream: bool) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        text = '[[say:{"tool_calls": [{"arguments": {"n": 1}}]}]]'
        answer = await ask(system, [user(text)], stream=stream)
        assert (answer.text(), answer.finish_reason()) == (ENGLISH.malformed, "stop")
        (run,) = await ended(system, 1)
        assert (run.end.end_reason, run.end.detail) == (EndReason.STOP, Detail.BROKEN_CALL)


async def test_a_call_that_nobody_offered_is_dropped_and_the_final_text_is_used(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        text = '[[say:{"tool_calls": [{"name": "delete"}], "final": "I cannot."}]]'
        answer = await ask(system, [user(text)])
        assert (answer.text(), answer.finish_reason()) == ("I cannot.", "stop")
        (run,) = await ended(system, 1)
        assert run.end.detail == Detail.DROPPED_CALL


async def ended(system: WholeSystem, runs: int) -> Any:
    await system.check_log(runs=runs)
    return await system.runs()


@pytest.mark.parametrize("shape", Shape)
async def test_a_client_that_loses_a_result_is_told_which_and_the_site_is_not_asked(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, **NATIVE) as system:
        messages = [user('[[tools:read{"n":1};read{"n":2};read{"n":3}]]')]
        message = message_of(await ask(system, messages))
        lost, *kept = results(message)
        refused = await ask(system, [*messages, message, *kept])
        assert (refused.status, refused.error()["code"]) == (400, "tool_call_id_mismatch")
        assert refused.error()["param"] == "messages"
        assert lost["tool_call_id"] in refused.error()["message"]
        assert system.demo.stats.requests == 1
        whole = await ask(system, [*messages, message, *kept, lost])
        assert (whole.status, whole.headers["x-mix2api-session"]) == (200, "continued; reason=lineage")
        report = await system.check_log(runs=2)
        assert (report["tool_loops"], report["loop_closure"]) == (1, 1.0)


async def test_a_turn_that_is_sent_again_closes_its_loop_once(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **NATIVE) as system:
        messages = [user('[[tools:read{"n":1}]]')]
        message = message_of(await ask(system, messages))
        again = [*messages, message, *results(message)]
        told = [(await ask(system, again)).headers["x-mix2api-session"] for _ in range(3)]
        assert [each.partition(";")[0] for each in told] == ["continued", "fresh", "fresh"]
        report = await system.check_log(runs=4)
        assert (report["tool_loops"], report["tool_loops_closed"]) == (1, 1)


async def test_schemas_arrive_as_they_left_and_other_tools_are_neither_called_nor_changed(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **NATIVE) as system:
        tools = [
            READ,
            {
                "type": "mcp",
                "server_label": "files",
                "server_url": "https://mcp.example",
                "allowed_tools": None,
            },
            {"type": "custom", "custom": {"name": "grep", "format": {"type": "text"}}},
            {"type": "web_search", "user_location": {"type": "approximate"}},
            {"type": "namespace", "name": "n", "tools": [READ]},
        ]
        await ask(system, [user("hi")], tools=tools, parallel_tool_calls=False, tool_choice="auto")
        sent = system.demo.site.received[-1].json
        assert (sent["tools"], sent["tool_choice"], sent["parallel_tool_calls"]) == (tools, "auto", False)
        answer = await ask(system, [user("[[tools:grep{};n{};files{}]]")], tools=tools)
        assert message_of(answer)["tool_calls"] == []
        assert answer.finish_reason() == "stop"


async def test_calls_and_results_are_in_the_log_by_digest(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        messages = [user('[[text_tools:read{"n":1}]]')]
        message = message_of(await ask(system, messages))
        await ask(system, [*messages, message, *results(message)])
        runs = await ended(system, 2)
        events = [event for run in runs for event in run.events]
        (called,) = [event for event in events if isinstance(event, ToolCall)]
        (told,) = [event for event in events if isinstance(event, ToolResult)]
        assert called.tool_call_id == told.tool_call_id
        assert "read" not in str(events)


async def test_a_named_session_is_told_of_tools_that_it_did_not_have_before(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        for name in ("alpha", "beta", "beta"):
            tool = {"type": "function", "function": {"name": name, "description": f"does {name}"}}
            answer = await system.client.ask("hello", session_id="mine", tools=[tool])
            assert answer.status == 200
        assert answer.headers["x-mix2api-session"] == "continued; reason=named"
        told = [b"does alpha" in each.body for each in system.demo.received]
        assert told == [True, False, False]
        told = [b"does beta" in each.body for each in system.demo.received]
        assert told == [False, True, False], "once, when they are new to it"
