"""Answers as sites send them, through the whole adapter: each case went wrong once (`tests/data/cases`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from case_files import CannedSite, canned_site, case_answer, json_answer, stream_answer
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.budget.usage import UsageSource

STREAMED_AND_WHOLE = pytest.mark.parametrize("stream", [True, False])


@asynccontextmanager
async def adapter_at(
    redis: RedisServer, *answers: bytes, **settings: str
) -> AsyncIterator[tuple[WholeSystem, CannedSite]]:
    """The adapter before a site that gives these answers in turn."""
    async with (
        canned_site(*answers) as site,
        whole_system(Shape.SERVE, redis.url, UPSTREAM_API_BASE=site.url, **settings) as system,
    ):
        yield system, site


@STREAMED_AND_WHOLE
@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("16-silence-of-five-seconds.sse", "late"),
        ("20-stream-as-text-plain.http", "hello"),
        ("24-gzip-unasked.http", "hello"),
        ("25-data-null.sse", "ab"),
        ("27-delta-null.sse", "ab"),
        ("28-numeric-ids.sse", "hi"),
    ],
)
async def test_an_answer_is_read_as_it_is_meant(
    case: str, text: str, *, stream: bool, redis_server: RedisServer
) -> None:
    async with adapter_at(redis_server, case_answer(case)) as (system, _):
        answer = await system.client.ask("hi", stream=stream)
        assert (answer.status, answer.text(), answer.finish_reason()) == (200, text, "stop")
        await system.check_log(runs=1)


@pytest.mark.parametrize("encoding", ["gzip", "utf-8", "none"])
async def test_an_answer_that_is_not_packed_is_read_whatever_its_header_says(
    encoding: str, redis_server: RedisServer
) -> None:
    head, _, body = case_answer("25-data-null.sse").partition(b"\r\n\r\n")
    answer = b"%b\r\ncontent-encoding: %b\r\n\r\n%b" % (head, encoding.encode(), body)
    async with adapter_at(redis_server, answer) as (system, _):
        assert (await system.client.ask("hi")).text() == "ab"


@pytest.mark.parametrize("declared", ["text/event-stream", "text/plain", "application/json", "text/html"])
async def test_a_text_in_place_of_an_answer_is_told(declared: str, redis_server: RedisServer) -> None:
    answers = [
        b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nconnection: close\r\n\r\n%b" % (declared.encode(), text)
        for text in (b"Service is closed at night", "请求过于频繁".encode())
    ]
    async with adapter_at(redis_server, *answers) as (system, _):
        refused, slowed = [await system.client.ask("hi", stream=True) for _ in answers]
        assert "Service is closed at night" in refused.error()["message"]
        assert (slowed.status, slowed.error()["code"]) == (429, "rate_limit_exceeded")
        await system.check_log(runs=2)


@pytest.mark.parametrize(
    ("site_says", "status", "code", "words"),
    [
        (
            case_answer("23-json-error-as-event-stream.http"),
            429,
            "rate_limit_exceeded",
            "rate limited, try later",
        ),
        (case_answer("29-code-401-under-200.http"), 502, "upstream_auth_error", "token expired"),
        (case_answer("31-context-overflow-frame.sse"), 400, "context_length_exceeded", "131072 tokens"),
        (case_answer("33-retry-after-fraction.http"), 429, "rate_limit_exceeded", "slow down"),
        (json_answer(b'{"detail":"try another model"}'), 502, "upstream_error", "try another model"),
        (json_answer(b'{"msg":"broken","errcode":10013}'), 502, "upstream_error", "broken"),
        (
            stream_answer('{"type":"error","error":{"type":"overloaded_error","message":"too busy"}}'),
            502,
            "upstream_error",
            "too busy",
        ),
        (json_answer(b'{"message":"late"}', "504 Gateway Timeout"), 504, "upstream_timeout", "late"),
        (json_answer(b'{"code":504,"message":"late"}'), 504, "upstream_timeout", "late"),
        (stream_answer('{"code":429,"msg":"not so fast"}'), 429, "rate_limit_exceeded", "not so fast"),
        (
            json_answer(b'{"error":{"message":"no","code":"context_length_exceeded"}}', "500 Oh"),
            400,
            "context_length_exceeded",
            "no",
        ),
        (
            json_answer(b'{"error":{"message":"unfit","code":"content_filter"}}', "400 Bad"),
            400,
            "content_filter",
            "unfit",
        ),
        (
            stream_answer('{"type":"error","errorText":"prompt is too long"}'),
            400,
            "context_length_exceeded",
            "too long",
        ),
    ],
)
@STREAMED_AND_WHOLE
async def test_an_error_keeps_its_meaning_and_its_words(
    site_says: bytes, status: int, code: str, words: str, *, stream: bool, redis_server: RedisServer
) -> None:
    async with adapter_at(redis_server, site_says) as (system, _):
        answer = await system.client.ask("hi", stream=stream)
        error = answer.error()
        assert (answer.status, error["code"]) == (status, code)
        assert words in error["message"]
        assert "(status)" not in error["message"]
        assert "(error_frame)" not in error["message"]
        await system.check_log(runs=1)


@STREAMED_AND_WHOLE
async def test_a_fraction_of_a_retry_after_is_rounded_up(*, stream: bool, redis_server: RedisServer) -> None:
    async with adapter_at(redis_server, case_answer("33-retry-after-fraction.http")) as (system, _):
        answer = await system.client.ask("hi", stream=stream)
        assert answer.headers["retry-after"] == "2"


async def test_a_long_retry_after_is_bounded_and_its_true_figure_told(redis_server: RedisServer) -> None:
    refusal = b"HTTP/1.1 429 Slow\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n"
    async with adapter_at(redis_server, refusal) as (system, _):
        answer = await system.client.ask("hi")
        assert (answer.status, answer.headers["retry-after"]) == (429, "120")
        assert "retry after 3600 seconds" in answer.error()["message"]


@pytest.mark.parametrize(
    "refused",
    [
        case_answer("29-code-401-under-200.http"),
        stream_answer('{"code":401,"msg":"token expired"}'),
        stream_answer('{"type":"error","errorText":"{\\"code\\":401,\\"msg\\":\\"who are you\\"}"}'),
    ],
    ids=["whole", "in a stream", "in an error frame"],
)
async def test_a_token_that_is_refused_under_200_is_renewed_once(
    refused: bytes, redis_server: RedisServer
) -> None:
    granted = json_answer(b'{"access_token":"t","expires_in":3600}')
    answers = (granted, refused, granted, case_answer("25-data-null.sse"))
    async with adapter_at(redis_server, *answers, UPSTREAM_AUTH_MODE="managed") as (system, site):
        answer = await system.client.ask("hi", stream=True)
        assert (answer.status, answer.text()) == (200, "ab")
        paths = [request.split(b" ")[1] for request in site.requests]
        assert paths == [b"/v2/token", b"/v2/chats", b"/v2/token", b"/v2/chats"]
        await system.check_log(runs=1)


async def test_an_error_after_text_ends_the_stream_with_its_meaning(redis_server: RedisServer) -> None:
    said = stream_answer(
        '{"type":"start","sessionId":"s"}',
        '{"type":"text-delta","id":"0","delta":"well"}',
        '{"code":429,"msg":"not so fast"}',
    )
    async with adapter_at(redis_server, said) as (system, _):
        answer = await system.client.ask("hi", stream=True)
        assert answer.text() == "well"
        failing: list[dict[str, Any]] = [chunk for chunk in answer.chunks() if "error" in chunk]
        assert {chunk["error"]["code"] for chunk in failing} == {"rate_limit_exceeded"}
        await system.check_log(runs=1)


async def test_an_encoding_that_nobody_knows_is_named(redis_server: RedisServer) -> None:
    packed = b"HTTP/1.1 200 OK\r\ncontent-encoding: lzma\r\ncontent-length: 2\r\n\r\nxx"
    async with adapter_at(redis_server, packed) as (system, _):
        answer = await system.client.ask("hi")
        assert answer.status == 502
        assert "content-encoding" in answer.error()["message"]


async def test_an_unknown_finish_reason_is_a_finish_and_stands_in_the_event(
    redis_server: RedisServer,
) -> None:
    said = stream_answer(
        '{"type":"start","sessionId":"s"}',
        '{"type":"text-delta","id":"0","delta":"well"}',
        '{"type":"finish","finishReason":"bored"}',
    )
    async with adapter_at(redis_server, said) as (system, _):
        answer = await system.client.ask("hi", headers={"x-request-id": "asked"})
        assert (answer.text(), answer.finish_reason()) == ("well", "stop")
        assert (await system.ended_run_of("asked")).end.detail == "unknown_finish"


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, [True, True, True]),
        ({"MIX2API_UPSTREAM_STREAM": "as_asked"}, [True, False, False]),
        ({"MIX2API_UPSTREAM_STREAM_TOOLS": "false"}, [True, True, False]),
    ],
)
async def test_the_site_is_asked_to_stream_unless_that_is_not_wished(
    settings: dict[str, str], asked: list[bool], redis_server: RedisServer
) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    async with adapter_at(redis_server, case_answer("25-data-null.sse"), **settings) as (system, site):
        for fields in ({"stream": True}, {"stream": False}, {"stream": False, "tools": tools}):
            answer = await system.client.ask("hi", **fields)
            assert (answer.status, answer.text()) == (200, "ab")
        assert [b'"stream":true' in request for request in site.requests] == asked


async def test_a_site_without_usage_is_counted_here(redis_server: RedisServer) -> None:
    async with adapter_at(redis_server, case_answer("17-no-usage.sse")) as (system, _):
        whole = (await system.client.ask("hi", headers={"x-request-id": "asked"})).json()
        asked = {"stream": True, "stream_options": {"include_usage": True}}
        *_, last = (await system.client.ask("hi", **asked)).chunks()
        assert whole["usage"] == last["usage"]
        assert whole["usage"]["completion_tokens"] == 3
        assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + 3
        assert (await system.ended_run_of("asked")).end.usage_source == UsageSource.COUNTED


async def test_one_long_input_leaves_in_short_lines(redis_server: RedisServer) -> None:
    tools = [
        {"type": "function", "function": {"name": "f"}},
        {"type": "function", "function": {"name": "write"}},
    ]
    case = case_answer("45-one-long-input.sse")
    async with adapter_at(redis_server, case, SEND_UPSTREAM_TOOLS="true") as (system, _):
        answer = await system.client.ask("hi", stream=True, tools=tools)
        assert answer.status == 200
        assert max(map(len, answer.body.split(b"\n"))) < 32_768
