"""A client in front of a runtime: what it sees, what the runtime is asked, and what is left once a run is over."""

import os
from contextlib import suppress
from functools import partial

import msgspec
import pytest
import trio
from redis_server import RedisServer
from several_processes import client_of, several_processes
from upstreams.opencode.test_context_server import BRIDGED, asked
from whole_system import SHARDS, Shape, WholeSystem, until, whole_system
from wire_client import Answer

from mix2api.demo import DemoKind, DemoOptions, answer_text
from mix2api.sessions.runtime_sessions import OpenSession, ToolContext
from mix2api.vocabulary import Detail, EndReason, ProcessId, RunId

DEMO = DemoOptions(kind=DemoKind.OPENCODE)
SLOW = "slow [[chunks:9]] [[pace:3600000]]"
"""A prompt that is never answered, though its run can be aborted."""


ABORT = "/v1/sessions/tab%20one/abort"


async def free_port() -> int:
    """A port on which nobody listens now. The kernel gives none below 32,768 to whoever asks for any (Linux and its default)."""
    for port in range(10_000 + os.getpid() % 20_000, 32_768):
        with suppress(OSError):
            (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
            await listener.aclose()
            return port
    raise AssertionError("no port is free")


def bridge(**more: str) -> dict[str, str]:
    """The settings: whoever has heard nothing gets an error with a status of its own."""
    return {"MIX2API_UPSTREAM": "opencode", "MIX2API_EARLY_HEADERS_MS": "60000", **more}


async def wait_prompts(system: WholeSystem, count: int) -> None:
    """Waits until the runtime was given so many prompts."""

    async def given() -> bool:
        return len(system.demo.runtime.prompts) >= count

    await until(given)


async def wait_aborts(system: WholeSystem, count: int) -> None:
    """Waits until the runtime was told so often to abort a session."""

    async def told() -> bool:
        return system.demo.runtime.aborts >= count

    await until(told)


async def wait_nothing_left(system: WholeSystem) -> None:
    """Waits until the runtime has no session."""

    async def none_left() -> bool:
        return not system.demo.runtime.sessions

    await until(none_left)


@pytest.mark.parametrize("shape", Shape)
async def test_a_request_runs_in_a_session_of_the_runtime_which_ends_with_it(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, demo=DEMO, **bridge()) as system:
        prompt = "tell [[chunks:50]] [[unicode]]"
        streamed = await system.client.ask(prompt, stream=True, stream_options={"include_usage": True})
        whole = await system.client.ask(prompt)
        assert streamed.text() == whole.text() == answer_text(prompt)
        assert streamed.finish_reason() == whole.finish_reason() == "stop"
        assert streamed.chunks()[-1]["usage"] == whole.json()["usage"]
        assert whole.headers["x-session-id"].startswith("agent-")
        assert whole.headers["x-mix2api-session"] == "runtime; reason=new_name"
        await wait_nothing_left(system)
        assert system.demo.runtime.made == 2
        await system.check_log(runs=2)


async def test_a_newer_request_of_a_client_session_supersedes_the_one_under_way(
    redis_server: RedisServer,
) -> None:
    settings = bridge(MIX2API_METRICS_TOKEN="a word of the metrics")
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **settings) as system:
        system.client.token = "a word of the metrics"
        headers = {"x-session-id": "tab"}
        async with trio.open_nursery() as nursery:
            older: list[Answer] = []

            async def ask_older() -> None:
                older.append(await system.client.ask(SLOW, stream=True, headers=headers))

            nursery.start_soon(ask_older)
            await wait_prompts(system, 1)
            assert (await system.client.get("/health")).json()["runtime_runs"] == 1
            metrics = await system.client.get("/metrics")
            assert b"\nmix2api_runtime_runs 1.0\n" in metrics.body
            newer = await system.client.ask("[[say:two]]", headers=headers)
            assert newer.text() == "two"
            assert newer.headers["x-mix2api-session"] == "runtime; reason=named"
        assert older[0].json()["error"]["code"] == "superseded"
        await wait_nothing_left(system)
        (first, second) = await system.runs()
        assert first.session_id == second.session_id
        assert (first.end.end_reason, second.end.end_reason) == (EndReason.SUPERSEDED, EndReason.STOP)
        await system.check_log(runs=2)


async def test_a_newer_request_supersedes_a_run_of_the_process_that_had_the_shard_before(
    redis_server: RedisServer,
) -> None:
    async with several_processes(redis_server, demo=DEMO, **bridge()) as processes:
        before = await processes.start(MIX2API_WEIGHT="0")
        client, headers = client_of(before), {"x-session-id": "tab"}
        older: list[Answer] = []

        async def ask_older() -> None:
            older.append(await client.ask(SLOW, stream=True, headers=headers))

        async def is_working() -> bool:
            return bool(processes.demo.runtime.prompts)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_older)
            await until(is_working)
            now = await processes.start()

            async def is_handed_over() -> bool:
                return processes.held_by(now) == set(range(SHARDS))

            await until(is_handed_over)
            newer = await client_of(now).ask("[[say:two]]", headers=headers)
            assert newer.text() == "two"
            assert newer.headers["x-mix2api-session"] == "runtime; reason=moved_on"
        assert older[0].json()["error"]["code"] == "superseded"


async def test_what_a_session_asks_is_answered_by_policy_and_never_left(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **bridge()) as system:
        permission = await system.client.ask("[[asks]] [[say:on]]")
        question = await system.client.ask("[[asks:question]] [[say:on]]")
        assert permission.text() == question.text() == "on"
        replied, rejected = system.demo.runtime.replies
        assert (replied["path"][-1], replied["reply"]) == ("reply", "reject")
        assert rejected["path"][-1] == "reject"


async def test_tools_that_the_runtime_runs_are_counted_apart_from_ours(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **bridge()) as system:
        for word in ("[[server_tool]]", "[[server_tool:throws]]", ""):
            await system.client.ask(f"{word} [[say:on]]")
        report = await system.check_log(runs=3)
        assert (report["runtime_tool_executions"], report["server_side_tool_executions"]) == (2, 0)
        assert sorted(run.end.runtime_tools for run in await system.runs()) == [0, 1, 1]


async def test_a_lost_stream_of_events_costs_no_character(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **bridge()) as system:
        prompt = "[[cut]] [[chunks:40]] [[pace:2]]"
        both: list[Answer] = []

        async def ask(*, stream: bool) -> None:
            both.append(await system.client.ask(prompt, stream=stream))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(ask, stream=True))
            nursery.start_soon(partial(ask, stream=False))
        assert [answer.text() for answer in both] == [answer_text(prompt)] * 2
        assert system.log_lines("runtime.events_lost")
        await wait_nothing_left(system)


async def test_a_runtime_that_refuses_or_fails_ends_the_run_with_its_words(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **bridge()) as system:
        refused = await system.client.ask("[[status:500]]")
        failed = await system.client.ask("[[chunks:4]] [[error_mid:it broke]]", stream=True)
        assert (refused.status, refused.error()["code"]) == (502, "upstream_error")
        assert "it broke" in failed.chunks()[-1]["error"]["message"]
        await wait_nothing_left(system)
        await system.check_log(runs=2)


async def test_a_session_that_never_rests_delays_the_next_request_by_a_bound_only(
    redis_server: RedisServer,
) -> None:
    settings = bridge(OPENCODE_RELEASE_TIMEOUT_MS="200")
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **settings) as system:
        headers = {"x-session-id": "tab"}
        answers: dict[str, Answer] = {}

        async def ask(prompt: str) -> None:
            answers[prompt] = await system.client.ask(prompt, headers=headers)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "[[stuck]]")
            await wait_prompts(system, 1)
            nursery.start_soon(ask, SLOW)
            await wait_aborts(system, 1)
            nursery.start_soon(ask, "[[say:newest]]")
        codes = {prompt: answer.json().get("error", {}).get("code") for prompt, answer in answers.items()}
        assert codes == {
            "[[stuck]]": "superseded",
            SLOW: "superseded",
            "[[say:newest]]": None,
        }
        (line,) = system.log_lines("runtime.release_failed")
        assert (line["step"], line["why"], line["level"]) == ("abort", "timeout", "warning")
        await wait_nothing_left(system)


async def test_an_abort_ends_the_callers_own_runs_and_no_others(redis_server: RedisServer) -> None:
    async with whole_system(Shape.APART, redis_server.url, demo=DEMO, **bridge()) as system:
        headers = {"x-session-id": "tab one"}
        ended: list[Answer] = []

        async def ask() -> None:
            ended.append(await system.client.ask(SLOW, headers=headers))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_prompts(system, 1)
            assert (await system.client.get("/health")).json()["active_runs"] == 1
            foreign = await system.client.post(ABORT, headers={"authorization": "Bearer another"})
            assert (foreign.status, foreign.error()["code"]) == (404, "session_not_found")
            aborted = (await system.client.post(ABORT)).json()
        (run,) = await system.runs()
        assert (aborted["clientSessionId"], aborted["sessionId"]) == ("tab one", run.session_id)
        assert aborted["startedAt"].endswith("Z")
        assert (run.end.end_reason, run.end.detail) == (EndReason.CLIENT_ABORT, Detail.ASKED)
        assert ended[0].error()["code"] == "client_abort"
        assert (await system.client.post(ABORT)).json() is None
        own = await system.client.post(f"/v1/sessions/{run.session_id}/abort")
        assert own.json() is None
        await wait_nothing_left(system)
        await system.check_log(runs=1)


async def test_what_a_killed_process_left_is_removed_by_the_next(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **bridge()) as system:
        runtime, gone = system.demo.runtime, ProcessId("p_gone")
        known, unknown = runtime.make("mix2api run_1"), runtime.make("mix2api run_2")
        others = runtime.make("somebody else's")
        left = OpenSession(run_id=RunId("run_1"), process=gone, title=known.title, session=known.id)
        context = ToolContext.of(BRIDGED, known.id)
        await system.store.runtime.put(left, context)
        await system.store.runtime.announce(
            OpenSession(run_id=RunId("run_2"), process=gone, title=unknown.title)
        )

        async def swept() -> bool:
            return not await system.store.runtime.open()

        await until(swept)
        assert list(runtime.sessions) == [others.id]
        assert await system.store.runtime.context(known.id) is None
        assert sum(line["sessions"] for line in system.log_lines("runtime.swept")) == 2


async def test_the_callers_token_is_in_no_key_and_in_no_line_and_a_tool_gets_it(
    redis_server: RedisServer,
) -> None:
    planted = "planted-token-of-a-caller"
    port = await free_port()
    settings = bridge(OPENCODE_CONTEXT_TOKEN="word", OPENCODE_CONTEXT_PORT=str(port))
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **settings) as system:
        headers = {"x-session-id": "tab", "x-access-token": planted, "x-project-id": "house"}

        async def ask() -> None:
            await system.client.ask(SLOW, headers=headers)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_prompts(system, 1)
            (session,) = system.demo.runtime.sessions
            status, body = await asked(port, f"/internal/tool-context/{session}")
            told = msgspec.json.decode(body)
            assert (status, told["projectId"], told["clientSessionId"]) == (200, "house", "tab")
            assert told["sensitiveContext"] == {"accessToken": planted}
            for name in redis_server.command("KEYS", "*"):  # type: ignore[union-attr]
                assert planted.encode() not in redis_server.command("DUMP", name)  # type: ignore[operator]
            await system.client.post("/v1/sessions/tab/abort", headers={"x-project-id": "house"})
        await wait_nothing_left(system)
        assert (await asked(port, f"/internal/tool-context/{session}"))[0] == 404
        assert planted not in system.logged.getvalue()
        assert planted not in str(system.demo.runtime.prompts)


async def test_tools_of_the_client_s_are_not_offered_and_the_answer_says_so(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, demo=DEMO, **bridge()) as system:
        tool = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
        messages = [
            {"role": "system", "content": "be short"},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": "[[say:one [end] two]]"},
        ]
        answer = await system.client.ask("", messages=messages, tools=[tool], stop=[" [end]"])
        assert answer.text() == "one"
        assert answer.headers["x-mix2api-withheld"] == "tools=1"
        (prompt,) = system.demo.runtime.prompts
        assert prompt["system"] == "be short"
        assert "assistant: yes?" in prompt["parts"][0]["text"]
        assert "tools" not in prompt


async def test_a_client_session_goes_on_without_a_history_and_its_words_are_only_kept_sealed(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.APART, redis_server.url, demo=DEMO, **bridge()) as system:
        headers = {"x-session-id": "tab"}
        for prompt in ("a planted word [[say:first]]", "[[say:second]]"):
            assert (await system.client.ask(prompt, headers=headers)).status == 200
        (history, asked) = system.demo.runtime.prompts[1]["parts"]
        assert "user: a planted word [[say:first]]\n\nassistant: first" in history["text"]
        assert asked["text"] == "[[say:second]]"
        for key in redis_server.command("KEYS", "*"):  # type: ignore[union-attr]
            assert b"planted word" not in (redis_server.command("DUMP", key) or b"")  # type: ignore[operator]
        (kept,) = redis_server.command("KEYS", "*:transcript:*")  # type: ignore[misc]
        redis_server.command("SET", kept, "damage")
        refused = await system.client.ask("[[say:third]]", headers=headers)
        assert (refused.status, refused.error()["code"]) == (400, "history_required")
        assert "cannot be read any more; send the whole history" in refused.error()["message"]
        await system.check_log(runs=3)
