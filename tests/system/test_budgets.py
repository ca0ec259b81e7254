"""A turn is counted before it is sent: what does not fit its model is trimmed, rolled over or refused."""

import io
import json
from typing import Any

import msgspec
import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import Answer

from mix2api.cli.budgets import BudgetsQuery, budgets
from mix2api.cli.explain import ExplainQuery, explain
from mix2api.cli.sessions import SessionsQuery, list_sessions
from mix2api.clock import SystemClock
from mix2api.events.kinds import Request
from mix2api.sessions.resolution import Reason
from mix2api.vocabulary import Context, EndReason

pytestmark = pytest.mark.parametrize("shape", Shape)
MODEL = "mix/qwen-3-235b-instruct"
_ID = {"x-request-id": "budgeted"}


def window(tokens: int, output: int = 100) -> dict[str, str]:
    """Settings with such a window for every model."""
    profile = {"context_window": tokens, "max_input_tokens": tokens, "max_new_tokens": output}
    return {"MODEL_PROFILE_JSON": msgspec.json.encode({"*": profile}).decode()}


def said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def budget_of(answer: Answer) -> tuple[int, int, int]:
    """Used, available and trimmed, by the answer's header."""
    use, _, trimmed = answer.headers["x-mix2api-budget"].partition("; trimmed=")
    used, _, available = use.partition("/")
    return int(used), int(available), int(trimmed)


async def request_of(system: WholeSystem, request_id: str) -> Request:
    run = await system.ended_run_of(request_id)
    return next(event for event in run.events if isinstance(event, Request))


@pytest.mark.parametrize("stream", [True, False])
async def test_a_turn_that_cannot_fit_is_refused_and_nothing_is_sent(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, **window(400)) as system:
        answer = await system.client.ask("one two three " * 400, headers=_ID, stream=stream)
        error = answer.error()
        assert answer.status == 400
        assert (error["type"], error["code"], error["param"]) == (
            "invalid_request_error",
            "context_length_exceeded",
            "messages",
        )
        used, available, _ = budget_of(answer)
        assert used > available == 300
        for said_in_it in (str(used), "300", MODEL, "Shorten"):
            assert said_in_it in error["message"]
        run = await system.ended_run_of("budgeted")
        assert (run.end.end_reason, run.end.http_status) == (EndReason.BUDGET_REJECTED, 400)
        assert run.end.context is Context.UNCHANGED
        (line,) = system.log_lines()
        assert line["input_budget"] == f"{used}/300"
        assert (line["output_budget"], line["reject_reason"], line["truncation_applied"]) == (
            100,
            "input_exceeds_available_budget",
            False,
        )
        assert system.demo.stats.requests == 0
        await system.check_log(runs=1)


async def test_an_old_history_is_trimmed_and_the_event_says_why(
    shape: Shape, redis_server: RedisServer
) -> None:
    history = [said("user", "old words " * 300), said("assistant", "old answer " * 300)]
    async with whole_system(shape, redis_server.url, **window(800)) as system:
        answer = await system.client.ask(
            "", messages=[said("system", "be brief"), *history, said("user", "and now?")], headers=_ID
        )
        assert answer.status == 200
        used, available, trimmed = budget_of(answer)
        assert used <= available == 700
        assert trimmed == 2
        assert answer.headers["x-mix2api-withheld"] == "messages=2"
        request = await request_of(system, "budgeted")
        assert request.messages_withheld == sum((request.withheld_by or {}).values()) == 2
        assert (request.input_tokens, request.counted_tokens) == (used, used)
        (line,) = system.log_lines()
        assert (line["truncation_applied"], line["reject_reason"]) == (True, None)


async def test_a_full_session_rolls_over_to_a_fresh_one(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, **window(700)) as system:
        history = [said("user", "first " * 100)]
        reasons, sessions = [], []
        for turn in range(5):
            answer = await system.client.ask("", messages=history, headers={"x-request-id": f"turn-{turn}"})
            assert answer.status == 200
            used, available, _ = budget_of(answer)
            assert used <= available
            reasons.append(answer.headers["x-mix2api-session"].partition("reason=")[2])
            sessions.append(answer.headers["x-session-id"])
            history += [said("assistant", answer.json()["choices"][0]["message"]["content"])]
            history += [said("user", "and more " * 60)]
        assert Reason.ROLLED_OVER in reasons
        place = reasons.index(Reason.ROLLED_OVER)
        full = await system.store.log.history(sessions[place - 1])
        notes = [recorded.event for recorded in full.recorded]
        assert ("retired", "rolled_over") in [(getattr(n, "word", ""), getattr(n, "why", "")) for n in notes]
        await system.check_log(runs=5)


async def test_a_continued_turn_counts_what_the_session_holds(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask("tell me " * 20, headers={"x-request-id": "first"})
        text = first.json()["choices"][0]["message"]["content"]
        history = [said("user", "tell me " * 20), said("assistant", text), said("user", "more")]
        second = await system.client.ask("", messages=history, headers={"x-request-id": "second"})
        assert second.headers["x-mix2api-session"].startswith("continued")
        before, after = await request_of(system, "first"), await request_of(system, "second")
        end = (await system.ended_run_of("first")).end
        assert end.usage is not None
        held = (before.counted_tokens or 0) + end.usage.completion_tokens
        assert held < (after.counted_tokens or 0) <= held + 10


async def test_a_refused_turn_leaves_its_session_where_it_waits(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url, **window(600)) as system:
        first = await system.client.ask("tell me")
        text = first.json()["choices"][0]["message"]["content"]
        history = [said("user", "tell me"), said("assistant", text)]
        long = await system.client.ask("", messages=[*history, said("user", "much more " * 600)])
        assert long.status == 400
        short = await system.client.ask("", messages=[*history, said("user", "more")])
        assert short.headers["x-session-id"] == first.headers["x-session-id"]


async def test_counting_can_be_turned_off(shape: Shape, redis_server: RedisServer) -> None:
    settings = {**window(50, 10), "MIX2API_BUDGET": "false"}
    async with whole_system(shape, redis_server.url, **settings) as system:
        answer = await system.client.ask("one two three " * 400, headers=_ID)
        assert answer.status == 200
        assert "x-mix2api-budget" not in answer.headers
        (line,) = system.log_lines()
        assert (line["input_budget"], line["output_budget"]) == (None, None)


async def test_a_model_without_a_profile_is_warned_of_once(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url) as system:
        for _ in range(3):
            await system.client.ask("hello")
        (line,) = system.log_lines("model.profile.fallback")
        assert line["model"] == MODEL


@pytest.mark.parametrize("stream", [True, False])
async def test_a_limit_that_is_none_is_ignored_where_an_operator_wants_that(
    *, shape: Shape, stream: bool, redis_server: RedisServer
) -> None:
    limits = {"max_tokens": -1, "max_completion_tokens": "many"}
    async with whole_system(shape, redis_server.url) as system:
        answer = await system.client.ask("hello", stream=stream, **limits)
        assert answer.status == 400
        assert answer.error()["param"] in limits
    async with whole_system(shape, redis_server.url, MIX2API_LENIENT_LIMITS="true") as system:
        answer = await system.client.ask("hello", stream=stream, **limits)
        assert answer.status == 200
        ignored = [line["param"] for line in system.log_lines("request.limit_ignored")]
        assert sorted(ignored) == ["max_completion_tokens", "max_tokens"]
        assert "max_tokens" not in system.demo.received[-1].json
        answer = await system.client.ask("hello", stream=stream, temperature=9, **limits)
        assert (answer.status, answer.error()["param"]) == (400, "temperature")


AGENTS: dict[str, list[dict[str, Any]]] = {
    "claude": [said("user", "This session is being continued from a previous conversation that ran out")],
    "codex": [
        said("user", "build it"),
        said("user", "Another language model started to solve this problem and produced a summary of it"),
    ],
    "opencode": [
        said("user", "What did we do so far?"),
        said("assistant", "all of it"),
        said("user", "Continue if you have next steps"),
    ],
}


async def test_a_history_that_an_agent_compacted_starts_fresh_as_such_and_is_shown_everywhere(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        sessions = []
        for agent, compacted in AGENTS.items():
            apart = {"x-session-affinity": agent}
            await system.client.ask("build it", headers=apart)
            answer = await system.client.ask("", messages=compacted, headers=apart | {"x-request-id": agent})
            assert answer.headers["x-mix2api-session"] == "fresh; reason=compacted"
            sessions.append(answer.headers["x-session-id"])
        await system.check_log(runs=6)
        clock, out = SystemClock(), io.StringIO()
        day = {"window_ms": 86_400_000, "as_json": True}
        await list_sessions(system.store, SessionsQuery(**day), out, clock)
        opened = {row["session"]: row["opening_reason"] for row in json.loads(out.getvalue())["sessions"]}
        assert {opened[session] for session in sessions} == {"compacted"}
        assert await budgets(system.store, BudgetsQuery(**day), counts := io.StringIO(), clock) == 0
        assert json.loads(counts.getvalue())["total"]["compacted"] == 3
        assert await explain(system.store, ExplainQuery(word="claude"), page := io.StringIO(), clock) == 0
        assert f"{sessions[0]}: fresh, because compacted" in page.getvalue()


@pytest.mark.parametrize(("asked", "whose"), [("", "model"), ("[[hang]]", "model_late")])
async def test_the_model_sums_up_what_is_trimmed_or_lines_of_it_stand_there(
    shape: Shape, asked: str, whose: str, redis_server: RedisServer
) -> None:
    wanted = {
        "BUDGET_HISTORY_SUMMARY_ENABLED": "true",
        "MIX2API_BUDGET_SUMMARY": "model",
        "MIX2API_BUDGET_SUMMARY_TIMEOUT_MS": "10000" if whose == "model" else "300",
    }
    old = [said("user", f"{asked}old words " * 100), said("assistant", "old answer " * 300)] * 4
    async with whole_system(shape, redis_server.url, **window(1000), **wanted) as system:
        messages = [said("system", "be brief"), *old, said("user", "and now?")]
        answer = await system.client.ask("", messages=messages, headers=_ID)
        assert answer.status == 200
        request = await request_of(system, "budgeted")
        assert request.summary == whose
        assert (request.summary_ms or 0) > 0
        question, turn = (received.json["messages"] for received in system.demo.received)
        assert "Sum up the conversation" in question[0]["content"]
        assert turn[1]["content"].startswith("[历史摘要记忆]\n")
        assert ("- user: " in turn[1]["content"]) == (whose == "model_late")
        await system.check_log(runs=1)
