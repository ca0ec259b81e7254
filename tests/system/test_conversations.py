"""The conversations API over a whole system: what callers see of sessions, turns, plans and tasks."""

from conversation_client import OFFER, Caller
from redis_server import RedisServer
from whole_system import Shape, whole_system


async def test_a_message_becomes_a_turn_a_plan_a_task_and_one_assistant_message(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        session = await caller.session(title="First")
        told = await caller.chat(session, "[[say:forty-two]]")
        assert told["turnStatus"] == "COMPLETED"
        assert told["assistantMessage"] == "forty-two"
        turns = (await caller.data("GET", f"/api/sessions/{session}/turns"))["turns"]
        assert [(turn["turnId"], turn["assistantSummary"]) for turn in turns] == [
            (told["turnId"], "forty-two")
        ]
        messages = (await caller.data("GET", f"/api/sessions/{session}/messages"))["messages"]
        assert [(message["role"], message["content"]) for message in messages] == [
            ("user", "[[say:forty-two]]"),
            ("assistant", "forty-two"),
        ]
        plan = await caller.data("GET", f"/api/plans/{told['planId']}")
        assert (plan["status"], plan["routeType"]) == ("COMPLETED", "AUTO_MISS_FALLBACK")
        (task,) = (await caller.data("GET", f"/api/plans/{told['planId']}/tasks"))["tasks"]
        assert (task["status"], task["executionAttempt"]) == ("COMPLETED", 1)
        (execution,) = (await caller.data("GET", f"/api/tasks/{task['taskId']}/executions"))["executions"]
        assert (execution["status"], execution["attempt"]) == ("COMPLETED", 1)
        assert (await system.ended_run_of(execution["requestId"])).run_id == execution["runId"]
        overview = await caller.data("GET", f"/api/sessions/{session}/overview")
        assert overview["session"]["title"] == "First"
        assert overview["latestPlanId"] == told["planId"]
        assert overview["latestPlanTasks"] == [task]
        await system.check_log(runs=1)


async def test_without_the_setting_there_is_no_such_route(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        answer = await Caller(system.client).call("POST", "/api/sessions", {"userId": "u1"})
        assert (answer.status, answer.error()["code"]) == (404, "not_found")
