"""Requests as clients send them, through the whole adapter: each case went wrong once (`tests/data/cases`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from case_files import CannedSite, canned_site, case_answer, case_bytes
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.events.kinds import Request

GOOD = case_answer("25-data-null.sse")


@asynccontextmanager
async def adapter(redis: RedisServer, **settings: str) -> AsyncIterator[tuple[WholeSystem, CannedSite]]:
    async with (
        canned_site(GOOD) as site,
        whole_system(Shape.SERVE, redis.url, UPSTREAM_API_BASE=site.url, **settings) as system,
    ):
        yield system, site


async def raw(system: WholeSystem, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Sends these very bytes; status, headers and body of the answer."""
    async with await trio.open_tcp_stream("127.0.0.1", system.client.port) as stream:
        await stream.send_all(request)
        answer = b""
        async for data in stream:
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), headers, body


def sent_body(site: CannedSite) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(site.requests[-1].partition(b"\r\n\r\n")[2])
    return body


@pytest.mark.parametrize(
    "case", ["35-gzip-request.http", "41-api-key-header.http", "43-base-url-without-v1.http"]
)
async def test_a_request_is_taken_as_it_comes(case: str, redis_server: RedisServer) -> None:
    async with adapter(redis_server) as (system, _):
        status, _, body = await raw(system, case_bytes(case))
        assert (status, msgspec.json.decode(body)["object"]) == (200, "chat.completion")


async def test_a_preflight_of_an_allowed_page_is_answered(redis_server: RedisServer) -> None:
    async with adapter(redis_server, MIX2API_CORS_ORIGINS="http://localhost:5173") as (system, _):
        status, headers, _ = await raw(system, case_bytes("34-preflight.http"))
        assert (status, headers["access-control-allow-origin"]) == (200, "http://localhost:5173")


@pytest.mark.parametrize(
    "case", ["14-id-with-pipe.json", "38-type-null.json", "48-whole-number-as-float.json"]
)
async def test_a_body_is_understood_as_it_is_meant(case: str, redis_server: RedisServer) -> None:
    async with (
        adapter(redis_server) as (system, site),
        system.client.request("POST", "/v1/chat/completions", case_bytes(case)) as asking,
    ):
        assert (await asking.answer()).status == 200
        for message in sent_body(site)["messages"]:
            assert "|" not in str(message.get("tool_call_id")), "the site is sent a short id"


@pytest.mark.parametrize("native", ["true", "false"])
async def test_anthropic_s_shapes_reach_the_site_as_calls_and_results(
    native: str, redis_server: RedisServer
) -> None:
    case = case_bytes("19-anthropic-shaped-tools.json")
    async with (
        adapter(redis_server, SEND_UPSTREAM_TOOLS=native) as (system, site),
        system.client.request("POST", "/v1/chat/completions", case) as asking,
    ):
        assert (await asking.answer()).status == 200
        sent = sent_body(site)
    told = {message["role"]: message for message in sent["messages"]}
    assert told["assistant"]["tool_calls"][0]["id"] == told["tool"]["tool_call_id"] == "toolu_1"
    assert told["tool"]["content"] == "42"
    parameters = '"properties":{"path":{"type":"string"}}'
    assert parameters in msgspec.json.encode(sent).decode().replace("\\", "")


async def test_another_api_s_body_is_told_what_it_is(redis_server: RedisServer) -> None:
    case = case_bytes("40-responses-shaped-body.json")
    async with (
        adapter(redis_server) as (system, _),
        system.client.request("POST", "/v1/chat/completions", case) as asking,
    ):
        answer = await asking.answer()
        assert (answer.status, answer.error()["param"]) == (400, "messages")
        assert "Responses API" in answer.error()["message"]


async def test_a_key_in_another_header_is_shown_to_the_site(redis_server: RedisServer) -> None:
    async with adapter(redis_server, UPSTREAM_AUTH_MODE="pass_through") as (system, site):
        status, _, _ = await raw(system, case_bytes("41-api-key-header.http"))
        assert status == 200
        assert b"\r\nauthorization: Bearer k-test\r\n" in site.requests[0]


async def test_parallel_calls_of_one_function_are_answered_by_name(redis_server: RedisServer) -> None:
    calls = [{"id": f"c{each}", "function": {"name": "f", "arguments": "{}"}} for each in (1, 2)]
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": calls},
        *({"role": "function", "name": "f", "content": text} for text in ("one", "two")),
    ]
    async with adapter(redis_server) as (system, site):
        answer = await system.client.ask("", messages=messages)
        assert answer.status == 200
        results = [each for each in sent_body(site)["messages"] if each["role"] == "tool"]
        assert [(each["tool_call_id"], each["content"]) for each in results] == [("c1", "one"), ("c2", "two")]


@pytest.mark.parametrize("pairs", [300, 1000])
async def test_a_long_run_of_legacy_calls_and_results_is_answered(
    pairs: int, redis_server: RedisServer
) -> None:
    case = msgspec.json.decode(case_bytes("13-legacy-results-freeze.json"))
    call, result = case["messages"][1], case["messages"][-1]
    case["messages"] = [
        case["messages"][0],
        *({**call, "function_call": {"name": f"f{each}", "arguments": "{}"}} for each in range(pairs)),
        *({**result, "name": f"f{each}"} for each in range(pairs)),
    ]
    async with (
        adapter(redis_server) as (system, _),
        system.client.request("POST", "/v1/chat/completions", msgspec.json.encode(case)) as asking,
    ):
        assert (await asking.answer()).status == 200


def second_turn(answer: str) -> dict[str, Any]:
    """The case's second turn, behind the answer that the first one got."""
    body: dict[str, Any] = msgspec.json.decode(case_bytes("11-long-user-text-second-turn.json"))
    body.pop("_right", None)
    body["messages"][1]["content"] = answer
    return body


async def asked_twice(system: WholeSystem, *, as_parts: bool) -> tuple[Any, str]:
    """Both turns of the case; the second one's answer and the user's text in it."""
    first = await system.client.ask(second_turn("")["messages"][0]["content"])
    body = second_turn(first.text())
    text = body["messages"][-1]["content"]
    if as_parts:
        body["messages"][-1]["content"] = [{"type": "text", "text": text}]
    answer = await system.client.ask("", messages=body["messages"], headers={"x-request-id": "second"})
    assert answer.headers["x-mix2api-session"].startswith("continued")
    return answer, text


@pytest.mark.parametrize("as_parts", [False, True])
async def test_a_long_text_of_a_second_turn_reaches_the_site_whole(
    *, as_parts: bool, redis_server: RedisServer
) -> None:
    async with adapter(redis_server) as (system, site):
        answer, text = await asked_twice(system, as_parts=as_parts)
        sent = sent_body(site)["messages"][-1]["content"]
        assert sent == ([{"type": "text", "text": text}] if as_parts else text)
        assert "x-mix2api-withheld" not in answer.headers
        line = next(each for each in system.log_lines() if each["request_id"] == "second")
        assert line["truncation_applied"] is False


@pytest.mark.parametrize("as_parts", [False, True])
async def test_what_a_limit_cuts_is_marked_and_told(*, as_parts: bool, redis_server: RedisServer) -> None:
    async with adapter(redis_server, UPSTREAM_MESSAGE_MAX_CHARS="1000") as (system, site):
        answer, _ = await asked_twice(system, as_parts=as_parts)
        sent = sent_body(site)["messages"][-1]["content"]
        assert "characters left out" in (sent[0]["text"] if as_parts else sent)
        assert answer.headers["x-mix2api-withheld"] == "messages=1"
        line = next(each for each in system.log_lines() if each["request_id"] == "second")
        assert line["truncation_applied"] is True
        events = (await system.ended_run_of("second")).events
        assert [event.messages_withheld for event in events if isinstance(event, Request)] == [1]
