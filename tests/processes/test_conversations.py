"""The ten scenarios of conversations, over real processes: one system stands for all of them, and each is a test."""

from collections.abc import Iterator
from typing import Any

import pytest
from conversation_client import PLANNED, Caller
from redis_server import RedisServer
from standing_system import standing_system
from wire_client import WireClient

_SETTINGS = {**PLANNED, "MIX2API_CONVERSATIONS_CALL_TIMEOUT_MS": "2000"}
"""Far beyond what the site takes to answer, and soon enough for the scenario of two time-outs."""


@pytest.fixture(scope="module")
def port(redis_process: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    redis_process.command("FLUSHALL")
    with standing_system(tmp_path_factory.mktemp("s"), redis_process.url, **_SETTINGS) as port:
        yield port


@pytest.fixture
def caller(port: int) -> Caller:
    return Caller(WireClient(port))


async def test_a_session_is_created(caller: Caller) -> None:
    fields = {"userId": "u1", "title": "First", "metaInfo": {"a": 1}, "sessionId": "s1"}
    created = await caller.data("POST", "/api/sessions", fields)
    assert {name: created[name] for name in fields} == fields
    assert await caller.data("GET", "/api/sessions/s1") == created
    assert created in (await caller.data("GET", "/api/sessions?userId=u1"))["sessions"]


async def test_a_session_without_a_user_id_is_refused(caller: Caller) -> None:
    status, code, info = await caller.refusal("POST", "/api/sessions", {"title": "nobody's"})
    assert (status, code) == (400, "0002")
    assert info.startswith("Missing required parameter 'userId'")


async def test_a_chat_on_an_unknown_session_is_refused_with_the_parameter_code(caller: Caller) -> None:
    refused = await caller.refusal("POST", "/api/sessions/unknown/chat", {"message": "Hello"})
    assert refused == (404, "0002", "You have no such session.")


async def test_a_planner_fault_fails_the_turn_with_an_assistant_message(caller: Caller) -> None:
    session = await caller.session()
    told = await caller.chat(session, "[[status:500]]")
    assert (told["turnStatus"], told["planId"]) == ("FAILED", None)
    assert told["assistantMessage"] == "The turn failed: no plan could be made for the message."
    assert await messages_of(caller, session) == [
        ("user", "[[status:500]]"),
        ("assistant", told["assistantMessage"]),
    ]


async def test_a_plan_that_is_done_gives_the_turn_a_summary_and_a_message(caller: Caller) -> None:
    session = await caller.session()
    message = "[[say:forty-two]] [[drafts:single]]"
    told = await caller.chat(session, message)
    assert (told["turnStatus"], told["assistantMessage"]) == ("COMPLETED", "forty-two")
    turn = await caller.data("GET", f"/api/turns/{told['turnId']}")
    assert (turn["status"], turn["assistantSummary"]) == ("COMPLETED", "forty-two")
    assert await messages_of(caller, session) == [("user", message), ("assistant", "forty-two")]


async def test_a_page_loads_session_plans_tasks_and_executions_through_the_queries(caller: Caller) -> None:
    session = await caller.session(title="Page")
    told = await caller.chat(session, "[[say:page]] [[drafts:chain]]", extraContext={"x": 1})
    assert (await caller.data("GET", f"/api/sessions/{session}"))["title"] == "Page"
    (plan,) = (await caller.data("GET", f"/api/sessions/{session}/plans"))["plans"]
    assert (plan["planId"], plan["status"]) == (told["planId"], "COMPLETED")
    whole = await caller.data("GET", f"/api/plans/{plan['planId']}")
    assert [node["id"] for node in whole["graph"]["nodes"]] == ["first", "check", "last"]
    assert whole["globalContext"]["x"] == 1
    tasks = (await caller.data("GET", f"/api/plans/{plan['planId']}/tasks"))["tasks"]
    assert {task["nodeId"]: task["status"] for task in tasks} == dict.fromkeys(
        ("first", "check", "last"), "COMPLETED"
    )
    for task in tasks:
        path = f"/api/tasks/{task['taskId']}/executions"
        (execution,) = (await caller.data("GET", path))["executions"]
        assert (execution["attempt"], execution["status"]) == (1, "COMPLETED")
        assert execution["tokenUsage"]["totalTokens"] > 0
        assert execution["runId"].startswith("run_")


async def test_an_overview_gives_all_in_one_call(caller: Caller) -> None:
    session = await caller.session(title="Overview", metaInfo={"a": 1})
    await caller.chat(session, "[[say:one]] [[drafts:single]]")
    told = await caller.chat(session, "[[say:two]] [[drafts:good]]")
    overview = await caller.data("GET", f"/api/sessions/{session}/overview")
    assert (overview["session"]["title"], overview["session"]["metaInfo"]) == ("Overview", {"a": 1})
    assert (overview["planCount"], len(overview["plans"]), overview["nextCursor"]) == (2, 2, None)
    assert overview["latestPlanId"] == overview["latestPlan"]["planId"] == told["planId"]
    plan = await caller.data("GET", f"/api/plans/{told['planId']}")
    for name in ("routeType", "sourceType", "workflowDraftId"):
        assert overview["latestPlan"][name] == plan["globalContext"][name]
    tasks = (await caller.data("GET", f"/api/plans/{told['planId']}/tasks"))["tasks"]
    assert overview["latestPlanTasks"] == tasks
    assert overview["latestPlanTaskStats"] == plan["taskStats"]
    assert plan["taskStats"]["total"] == len(tasks)


async def test_an_overview_without_a_plan_is_empty_and_zeros(caller: Caller) -> None:
    session = await caller.session()
    overview = await caller.data("GET", f"/api/sessions/{session}/overview")
    assert (overview["plans"], overview["planCount"], overview["latestPlanTasks"]) == ([], 0, [])
    assert (overview["latestPlan"], overview["latestPlanId"], overview["nextCursor"]) == (None, None, None)
    assert set(overview["latestPlanTaskStats"].values()) == {0}


async def test_with_a_critic_the_final_message_holds_no_verdict(caller: Caller) -> None:
    session = await caller.session()
    told = await caller.chat(session, "Tell me of tea [[drafts:good]] [[verdict:once]]")
    assert told["turnStatus"] == "COMPLETED"
    assert '"pass"' not in told["assistantMessage"]
    worker, critic = (await caller.data("GET", f"/api/plans/{told['planId']}/tasks"))["tasks"]
    assert (worker["executionAttempt"], worker["refineCount"], critic["executionAttempt"]) == (2, 1, 2)


async def test_two_time_outs_in_a_row_fail_the_turn_with_a_message(caller: Caller) -> None:
    session = await caller.session()
    told = await caller.chat(session, "[[drafts:hanging]]")
    assert told["turnStatus"] == "FAILED"
    assert "took too long, twice in a row" in told["assistantMessage"]
    plan = await caller.data("GET", f"/api/plans/{told['planId']}")
    tasks = (await caller.data("GET", f"/api/plans/{told['planId']}/tasks"))["tasks"]
    shown = [(task["status"], task["displayName"]) for task in tasks]
    assert (plan["status"], shown[0]) == ("FAILED", ("FAILED", "timed out"))
    executions = await caller.data("GET", f"/api/tasks/{tasks[0]['taskId']}/executions")
    assert [(one["attempt"], one["status"]) for one in executions["executions"]] == [
        (1, "TIMED_OUT"),
        (2, "TIMED_OUT"),
    ]


async def messages_of(caller: Caller, session: str) -> list[tuple[Any, Any]]:
    """Role and content of a session's messages."""
    messages = (await caller.data("GET", f"/api/sessions/{session}/messages"))["messages"]
    return [(message["role"], message["content"]) for message in messages]
