"""The Responses API in front of a session-based site, and of a server of Chat Completions."""

from functools import partial
from typing import Any

import msgspec
import openai
import pytest
import trio
from openai.types.responses import Response
from redis_server import RedisServer
from responses_client import MODEL, READ, output_of, respond
from whole_system import Shape, whole_system

from mix2api.demo import DemoKind, DemoOptions, answer_text

DEMOS = {
    "mix": DemoOptions(),
    "openai": DemoOptions(kind=DemoKind.OPENAI),
    "responses": DemoOptions(kind=DemoKind.RESPONSES),
}
NATIVE = {"SEND_UPSTREAM_TOOLS": "true"}


def settings(kind: str) -> dict[str, str]:
    return {"MIX2API_UPSTREAM": kind, **NATIVE}


@pytest.mark.parametrize(("shape", "kind"), [(Shape.SERVE, "mix"), (Shape.APART, "openai")])
async def test_a_stream_and_a_whole_answer_are_made_of_the_same_items(
    shape: Shape, kind: str, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=DEMOS[kind], **settings(kind)) as system:
        prompt = '[[reasoning:I think]] [[say:I read.]] [[tools:read{"path":"a"};read{"path":"b"}]]'
        streamed = await respond(system, prompt, tools=[READ], stream=True)
        whole = await respond(system, prompt, tools=[READ])
        for told in (streamed, whole):
            kinds_of_items = [item["type"] for item in told.response["output"]]
            assert kinds_of_items == ["reasoning", "message", "function_call", "function_call"]
            assert told.response["output"][0]["summary"] == [{"type": "summary_text", "text": "I think"}]
            assert told.text == "I read."
            assert [msgspec.json.decode(call["arguments"]) for call in told.calls] == [
                {"path": "a"},
                {"path": "b"},
            ]
            assert (told.response["status"], told.response["store"]) == ("completed", False)
            assert told.response["usage"]["total_tokens"] > 0
            assert told.response["tools"] == [READ]
        words = [event["type"].removeprefix("response.") for event in streamed.events]
        assert list(dict.fromkeys(words)) == [
            *("created", "in_progress", "output_item.added"),
            *("reasoning_summary_part.added", "reasoning_summary_text.delta"),
            *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
            *("content_part.added", "output_text.delta", "output_text.done", "content_part.done"),
            *("function_call_arguments.delta", "function_call_arguments.done", "completed"),
        ]
        report = await system.check_log(runs=2)
        assert report["coverage"] == 1.0


async def test_a_whole_history_continues_its_session_as_codex_sends_it(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **NATIVE) as system:
        ask = partial(respond, system, stream=True, store=False, tools=[READ], instructions="Be good.")
        history: list[dict[str, Any]] = [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Rules"}]},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": '[[reasoning:hm]] [[say:so]] [[tools:read{"path":"a"}]]'}
                ],
            },
        ]
        first = await ask(history)
        history += first.response["output"]
        history += [output_of(call, "found") for call in first.calls]
        second = await ask(history)
        assert second.answer.headers["x-mix2api-session"] == "continued; reason=lineage"
        history += second.response["output"]
        history.append({"role": "user", "content": "[[say:third]]"})
        third = await ask(history)
        assert third.text == "third"
        assert third.answer.headers["x-mix2api-session"] == "continued; reason=lineage"
        assert first.answer.headers["x-session-id"] == third.answer.headers["x-session-id"]
        await system.check_log(runs=3)


@pytest.mark.parametrize("shape", Shape)
async def test_a_response_s_id_names_its_session_as_long_as_it_is_the_last(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, **NATIVE) as system:
        first = await respond(system, '[[tools:read{"path":"a"}]]', tools=[READ])
        (call,) = first.calls
        follow = partial(respond, system, tools=[READ])
        wrong = await follow(
            [output_of({"call_id": "call_x"}, "no")], previous_response_id=first.response["id"]
        )
        assert (wrong.answer.status, wrong.answer.error()["code"]) == (400, "tool_call_id_mismatch")
        second = await follow([output_of(call, "found")], previous_response_id=first.response["id"])
        assert second.answer.headers["x-mix2api-session"] == "continued; reason=previous_response"
        assert second.response["previous_response_id"] == first.response["id"]
        third = await follow("[[say:third]]", previous_response_id=second.response["id"], stream=True)
        assert third.text == "third"
        (session,) = system.demo.sessions.values()
        assert [message["role"] for message in session.messages] == [
            *("user", "assistant", "tool", "assistant", "user", "assistant")
        ]
        for gone in (first.response["id"], "resp_of_somebody", second.response["id"]):
            told = await follow("[[say:no]]", previous_response_id=gone)
            assert (told.answer.status, told.answer.error()["code"]) == (400, "previous_response_not_found")
            assert told.answer.error()["param"] == "previous_response_id"


async def test_nobody_else_goes_on_from_a_response_and_a_lost_session_is_said(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        first = await respond(system, "[[say:mine]]")
        previous = first.response["id"]
        foreign = await respond(
            system, "[[say:no]]", previous_response_id=previous, headers={"authorization": "Bearer sk-other"}
        )
        assert foreign.answer.error()["code"] == "previous_response_not_found"
        system.demo.sessions.clear()
        lost = await respond(system, "[[say:no]]", previous_response_id=previous, stream=True)
        assert (lost.answer.status, lost.answer.error()["code"]) == (400, "previous_response_not_found")


async def test_a_turn_that_the_site_refused_may_be_sent_again(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        first = await respond(system, "[[say:one]]")
        refused = await respond(system, "[[429:1]]", previous_response_id=first.response["id"])
        assert refused.answer.status == 429
        again = await respond(system, "[[say:two]]", previous_response_id=first.response["id"])
        assert again.text == "two"


async def test_a_server_that_keeps_no_session_is_asked_for_the_history(redis_server: RedisServer) -> None:
    async with whole_system(
        Shape.SERVE, redis_server.url, demo=DEMOS["openai"], **settings("openai")
    ) as system:
        first = await respond(system, "[[say:one]]")
        told = await respond(system, "and", previous_response_id=first.response["id"])
        assert told.answer.error()["code"] == "previous_response_not_found"


async def test_an_answer_that_is_cut_short_is_incomplete_and_one_that_fails_is_failed(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        for stream in (True, False):
            short = await respond(system, "[[say:so far]] [[length]]", stream=stream)
            assert short.response["status"] == "incomplete"
            assert short.response["incomplete_details"] == {"reason": "max_output_tokens"}
            assert short.response["output"][0]["status"] == "incomplete"
        failed = await respond(system, "[[chunks:8]] [[error_mid:it broke]]", stream=True)
        assert failed.events[-1]["type"] == "response.failed"
        error = failed.response["error"]
        assert (error["code"], error["end_reason"]) == ("upstream_error", "upstream_error")
        assert "it broke" in error["message"]
        assert failed.response["output"][0]["status"] == "incomplete"
        at_once = await respond(system, "[[429:3]]", stream=True)
        assert (at_once.answer.status, at_once.answer.headers["retry-after"]) == (429, "3")
        assert at_once.answer.error()["code"] == "rate_limit_exceeded"


async def test_nothing_is_stored_and_that_is_said(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        told = await respond(system, "[[say:one]]", store=True)
        path = f"/v1/responses/{told.response['id']}"
        for method, place in (
            ("GET", path),
            ("DELETE", path),
            ("GET", f"{path}/input_items"),
            ("POST", f"{path}/cancel"),
            ("POST", "/v1/responses/input_tokens"),
        ):
            async with system.client.request(method, place, b"{}" if method == "POST" else b"") as asked:
                answer = await asked.answer()
            assert (answer.status, answer.error()["code"]) == (404, "response_not_stored"), place
        async with system.client.request("GET", "/v1/responses") as asked:
            assert (await asked.answer()).status == 405


async def test_a_conversation_is_summed_up_in_an_item_that_stands_for_it(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        body = msgspec.json.encode(
            {"model": MODEL, "input": "[[reasoning:hm]] [[say:we met on Tuesday]]", "stream": True}
        )
        async with system.client.request("POST", "/v1/responses/compact", body) as asked:
            told = (await asked.answer()).json()
        assert told["object"] == "response.compaction"
        (item,) = told["output"]
        assert item["type"] == "compaction"
        assert "Tuesday" not in item["encrypted_content"]
        further = await respond(system, [item, {"role": "user", "content": "[[say:and then]]"}])
        assert further.text == "and then"
        (*_, session) = system.demo.sessions.values()
        assert session.messages[0]["content"].startswith("Summary of the conversation so far:")
        forged = await respond(system, [item | {"encrypted_content": "AAAA"}])
        assert (forged.answer.status, forged.answer.error()["param"]) == (400, "input[0]")


PROMPTS = (
    "hello",
    "[[chunks:40]] [[unicode]]",
    "[[reasoning:let me see]] [[say:seen]]",
    "[[say:]]",
    "[[length]]",
    "[[content_filter]]",
    "[[huge:20000]]",
    "[[unknown_frames]] [[say:known]]",
    '[[tools:read{"path":"a"}]]',
    '[[tools_interleaved:read{"path":"a"};read{"path":"b"}]]',
    '[[tools_whole:read{"path":"a"}]]',
    '[[say:text too]] [[text_tools:read{"path":"a"}]]',
)


def streamed(port: int, token: str) -> list[tuple[str, Response]]:
    """What was seen of every prompt's answer, and the response that the SDK's own accumulator made of it.

    The accumulator raises on a wrong order, id or index.
    """
    answers: list[tuple[str, Response]] = []
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=token, max_retries=0) as client:
        for prompt in PROMPTS:
            seen, ended = "", None
            with client.responses.stream(model=MODEL, input=prompt, tools=[READ]) as stream:  # type: ignore[list-item]
                for event in stream:
                    if event.type == "response.output_text.delta":
                        seen += event.delta
                    elif event.type in {"response.completed", "response.incomplete"}:
                        ended = event.response
            assert ended is not None, prompt
            answers.append((seen, ended))
    return answers


@pytest.mark.parametrize(
    ("kind", "native"), [("mix", "true"), ("mix", "false"), ("openai", "true"), ("responses", "true")]
)
async def test_the_sdk_s_own_accumulator_takes_every_stream(
    kind: str, native: str, redis_server: RedisServer
) -> None:
    environ = {"MIX2API_UPSTREAM": kind, "SEND_UPSTREAM_TOOLS": native}
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMOS[kind], **environ) as system:
        answers = await trio.to_thread.run_sync(streamed, system.client.port, system.client.token)
    for prompt, (seen, response) in zip(PROMPTS, answers, strict=True):
        assert seen == response.output_text, prompt
    assert answers[1][0] == answer_text(PROMPTS[1])
    assert [
        len([item for item in response.output if item.type == "function_call"]) for _, response in answers
    ][8:11] == [1, 2, 1]
