"""An upstream of the Responses API behind a whole system: what passes, what is translated, and what belongs to an account."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from redis_server import RedisServer
from responses_client import READ, output_of, respond
from whole_system import Shape, WholeSystem, whole_system
from wire_client import Answer

from mix2api.accounts.state import Evidence
from mix2api.clock import SystemClock
from mix2api.demo import DemoKind, DemoOptions, serve_demo
from mix2api.events.kinds import UpstreamChunk
from mix2api.vocabulary import ChunkKind, EndReason

DEMO = DemoOptions(kind=DemoKind.RESPONSES)
RESPONSES = {"MIX2API_UPSTREAM": "responses"}
SECRETS = {"POOL_KEY_A": "sk-pool-a", "POOL_KEY_B": "sk-pool-b"}


def sent(system: WholeSystem) -> Any:
    """The body that the server was sent last."""
    return system.demo.received[-1].json


def accounts_file(path: Path, url: str) -> str:
    """A file of two accounts of one server."""
    table = (
        '[[accounts]]\nid = "{0}"\ntype = "responses"\nbase_url = "{1}/v1"\ncredential = "env:POOL_KEY_{2}"\n'
    )
    file = path / "accounts.toml"
    file.write_text("".join(table.format(name, url, name.upper()) for name in "ab"))
    return str(file)


async def kept(system: WholeSystem, method: str, path: str, **headers: str) -> Answer:
    """What is said of a kept response."""
    async with system.client.request(method, f"/v1/responses/{path}", headers=headers) as conversation:
        return await conversation.answer()


@pytest.mark.parametrize("shape", Shape)
async def test_a_client_of_the_same_api_gets_every_event_and_object_as_it_came(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=DEMO, **RESPONSES) as system:
        prompt = '[[reasoning:I think]] [[say:one two]] [[unknown_frames]] [[tools:read{"path":"a"}]]'
        fields: dict[str, Any] = {"tools": [READ, {"type": "web_search"}], "x_new": {"a": [1.50]}}
        streamed = await respond(system, prompt, stream=True, **fields)
        body = sent(system)
        assert {name: body[name] for name in fields} == fields
        whole = await respond(system, prompt, **fields)
        for told in (streamed, whole):
            assert told.response["x_region"] == "demo"
            assert [item["type"] for item in told.response["output"]] == [
                "reasoning",
                "message",
                "function_call",
            ]
            assert told.text == "one two"
        kinds = [event["type"] for event in streamed.events]
        assert kinds[:2] == ["response.created", "response.in_progress"]
        assert "response.weather.changed" in kinds
        assert kinds[-1] == "response.completed"
        unstreamed = await respond(system, f"{prompt} [[json]]", stream=True, **fields)
        told_again = [event["type"] for event in unstreamed.events]
        assert (told_again[0], told_again[-1]) == ("response.created", "response.completed")
        assert [one["delta"] for one in unstreamed.events if one["type"] == "response.output_text.delta"] == [
            "one two"
        ]
        assert unstreamed.text == "one two"
        runs = await system.runs()
        assert {run.end.end_reason.value for run in runs if run.end is not None} == {"tool_calls"}
        report = await system.check_log(runs=3)
        assert report["coverage"] == 1.0


@pytest.mark.parametrize("shape", Shape)
async def test_pieces_that_come_together_are_told_and_counted_one_by_one(
    shape: Shape, redis_server: RedisServer
) -> None:
    words = " ".join(f"word-{number}" for number in range(400))
    async with whole_system(shape, redis_server.url, demo=DEMO, **RESPONSES) as system:
        told = await respond(system, f"[[say:{words}]]", stream=True)
        deltas = [one["delta"] for one in told.events if one["type"] == "response.output_text.delta"]
        assert "".join(deltas) == told.text == words
        assert len(deltas) > 100
        (run,) = await system.runs()
        texts = [
            event for event in run.events if isinstance(event, UpstreamChunk) and event.kind is ChunkKind.TEXT
        ]
        assert sum(text.frames for text in texts) == len(deltas)
        assert sum(text.size_bytes or 0 for text in texts) >= len(words)
        await system.check_log(runs=1)


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("[[429:7]]", 429, "rate_limit_exceeded"),
        ("[[error_before]]", 502, None),
        ("[[status:400]]", 400, None),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_before_any_content_is_a_status(
    words: str, status: int, code: str | None, *, stream: bool, redis_server: RedisServer
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **RESPONSES) as system:
        answer = (await respond(system, f"[[say:x]] {words}", stream=stream)).answer
        assert answer.status == status
        assert code is None or answer.json()["error"]["code"] == code


@pytest.mark.parametrize("words", ["[[error_mid]]", "[[error_frame_no_finish]]", "[[cut]]", "[[abort]]"])
async def test_a_stream_that_fails_ends_with_our_failing_event(words: str, redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **RESPONSES) as system:
        told = await respond(system, f"[[chunks:10]] {words}", stream=True)
        last = told.events[-1]
        assert last["type"] == "response.failed"
        assert last["response"]["id"] == told.events[0]["response"]["id"]
        assert last["response"]["error"]["end_reason"] == "upstream_error"
        report = await system.check_log(runs=1)
        assert report["coverage"] == 1.0


async def test_a_client_of_chat_completions_is_answered_in_its_own_form(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **RESPONSES) as system:
        prompt = '[[reasoning:I think]] [[say:one two]] [[tools:read{"path":"a"}]]'
        tools = [{"type": "function", "function": {name: READ[name] for name in ("name", "parameters")}}]
        fields = {"tools": tools, "max_tokens": 50, "reasoning_effort": "low", "stop": ["never"], "n": 1}
        streamed = await system.client.ask(prompt, stream=True, **fields)
        whole = await system.client.ask(prompt, **fields)
        assert streamed.text() == whole.text() == "one two"
        assert streamed.finish_reason() == whole.finish_reason() == "tool_calls"
        message = whole.json()["choices"][0]["message"]
        assert message["reasoning_content"] == "I think"
        (call,) = message["tool_calls"]
        body = sent(system)
        assert body["input"] == [{"role": "user", "content": prompt}]
        assert body["tools"][0]["name"] == "read"
        assert (body["max_output_tokens"], body["reasoning"], body["store"]) == (50, {"effort": "low"}, False)
        assert not {"messages", "stop", "n", "max_tokens"} & body.keys()
        history = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": "one two", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "the file"},
        ]
        further = await system.client.ask("", messages=history, tools=tools)
        assert further.status == 200
        assert [item.get("type", item.get("role")) for item in sent(system)["input"]] == [
            *("user", "assistant", "function_call", "function_call_output")
        ]
        report = await system.check_log(runs=3)
        assert report["coverage"] == 1.0


@pytest.mark.parametrize("shape", Shape)
async def test_a_kept_response_is_its_account_s_and_its_caller_s(
    shape: Shape, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with trio.open_nursery() as nursery:
        demo = await nursery.start(serve_demo, DEMO)
        settings = RESPONSES | {
            "MIX2API_ACCOUNTS_FILE": accounts_file(tmp_path, demo.url),
            "MIX2API_EXPOSE_ACCOUNT": "true",
        }
        async with whole_system(shape, redis_server.url, demo=DEMO, **settings) as system:
            first = await respond(system, "[[reasoning:hm]] [[say:one]]", stream=True)
            owner = first.answer.headers["x-mix2api-account"]
            response_id = first.response["id"]
            encrypted = first.response["output"][0]
            shown = await kept(system, "GET", response_id)
            assert shown.json() == first.response
            assert (await kept(system, "GET", f"{response_id}/input_items")).json()["object"] == "list"
            assert (await kept(system, "POST", f"{response_id}/cancel")).json()["status"] == "cancelled"
            foreign = await kept(system, "GET", response_id, authorization="Bearer another-key")
            assert (foreign.status, foreign.json()["error"]["code"]) == (404, "response_not_found")
            shared = system.store.accounts("responses", 3600, SystemClock())
            other = "b" if owner == "a" else "a"
            called = (await respond(system, '[[tools:read{"path":"a"}]]', tools=[READ])).response
            result = output_of(called["output"][0], "7")
            closed = await respond(system, [result], previous_response_id=called["id"])
            assert closed.text.endswith("The tool read answered: 7")
            further = await respond(system, "[[say:two]]", previous_response_id=response_id)
            assert further.text == "two"
            assert further.answer.headers["x-mix2api-account"] == owner
            await shared.judge(owner, Evidence.DISABLE)
            moved = await respond(system, "[[reasoning:hm]] [[say:three]]")
            assert moved.answer.headers["x-mix2api-account"] == other
            for asked in ({"previous_response_id": response_id}, {"input": [encrypted]}):
                gone = (await respond(system, "x", **asked)).answer
                assert gone.status == 503
                assert gone.json()["error"]["code"] == "owner_unavailable"
                assert "begin again" in gone.json()["error"]["message"]
            assert (await kept(system, "GET", response_id)).status == 503
            await shared.judge(owner, Evidence.ENABLE)
            both = (await respond(system, [encrypted, *moved.response["output"]])).answer
            assert (both.status, both.json()["error"]["code"]) == (400, "conflicting_owners")
            assert (await kept(system, "DELETE", response_id)).json()["deleted"] is True
        nursery.cancel_scope.cancel()


async def test_a_response_that_nobody_knows_says_how_to_start_again(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **RESPONSES) as system:
        answer = (await respond(system, "x", previous_response_id="resp_other")).answer
        assert answer.status == 400
        assert answer.json()["error"]["code"] == "previous_response_not_found"
        assert "whole history" in answer.json()["error"]["message"]
        missing = await kept(system, "GET", "resp_other")
        assert (missing.status, missing.json()["error"]["code"]) == (404, "response_not_found")


async def test_a_compaction_is_the_upstream_s_own(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **RESPONSES) as system:
        body = msgspec.json.encode({"model": "gpt-5", "input": "x"})
        async with system.client.request("POST", "/v1/responses/compact", body) as conversation:
            answer = await conversation.answer()
        assert answer.json()["object"] == "response.compaction"


async def count(system: WholeSystem, body: dict[str, object]) -> Answer:
    """The answer to a request for a count."""
    encoded = msgspec.json.encode(body)
    async with system.client.request("POST", "/v1/responses/input_tokens", encoded) as conversation:
        return await conversation.answer()


async def test_the_upstream_counts_the_tokens_of_a_request(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **RESPONSES) as system:
        few = (await count(system, {"model": "gpt-5", "input": "x"})).json()
        many = (await count(system, {"model": "gpt-5", "input": "x" * 4001})).json()
        assert few["object"] == many["object"] == "response.input_tokens"
        assert many["input_tokens"] - few["input_tokens"] == 1000
        nameless = await count(system, {"input": "x"})
        assert nameless.status == 400
        assert "`model`" in nameless.error()["message"]
        assert [run.end.end_reason for run in await system.runs()] == [EndReason.STOP] * 2
        await system.check_log(runs=2)
