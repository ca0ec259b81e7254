"""The planner over a whole system: what the model drafts, what a person publishes, and which plan a message gets."""

from typing import Any

import trio
from conversation_client import PLANNED, Caller
from redis_server import RedisServer
from whole_system import Shape, whole_system

DRAFTS, DEFINITIONS = "/api/workflows/drafts", "/api/workflows/definitions"


async def plan_of(caller: Caller, told: Any) -> Any:
    """The plan of a turn as the API shows it."""
    return await caller.data("GET", f"/api/plans/{told['planId']}")


async def tasks_of(caller: Caller, told: Any) -> dict[str, str]:
    """The status of each task, by its node."""
    tasks = (await caller.data("GET", f"/api/plans/{told['planId']}/tasks"))["tasks"]
    return {task["nodeId"]: task["status"] for task in tasks}


async def test_a_draft_is_run_published_and_routed_to_and_a_verdict_is_never_in_the_message(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **PLANNED) as system:
        caller = Caller(system.client)
        session = await caller.session()
        told = await caller.chat(session, "Tell me of tea [[say:it is green]]")
        assert (told["turnStatus"], told["assistantMessage"]) == ("COMPLETED", "it is green")
        assert await tasks_of(caller, told) == {"answer": "COMPLETED", "review": "COMPLETED"}
        context = (await plan_of(caller, told))["globalContext"]
        assert (context["routeType"], context["sourceType"]) == ("DRAFT", "AUTO_MISS_ROOT")
        draft = await caller.data("GET", f"{DRAFTS}/{context['workflowDraftId']}")
        assert (draft["draftKey"], draft["version"]) == (context["draftKey"], 1)
        assert draft["graph"] == (await plan_of(caller, told))["graph"]
        overview = await caller.data("GET", f"/api/sessions/{session}/overview")
        assert overview["latestPlan"]["workflowDraftId"] == draft["draftId"]

        again = await caller.chat(session, "Tell me of coffee [[say:black]]")
        assert (await plan_of(caller, again))["globalContext"]["workflowDraftId"] == draft["draftId"]

        published = {"key": "tea", "pattern": "*of TEA*", "score": 0.8}
        definition = await caller.data("POST", f"{DRAFTS}/{draft['draftId']}/publish", published)
        routed = await caller.chat(session, "Tell me of tea [[say:it is hot]] [[drafts:prose]]")
        assert routed["assistantMessage"] == "it is hot"
        plan = await plan_of(caller, routed)
        context = plan["globalContext"]
        assert (context["routeType"], context["sourceType"]) == ("DEFINITION", "PRODUCTION")
        assert (
            context["workflowDefinitionId"],
            context["definitionKey"],
            context["workflowDefinitionVersion"],
        ) == (*(definition["definitionId"], "tea", 1),)
        assert context["workflowDraftId"] is None
        other = await caller.chat(session, "Tell me of water [[say:wet]]")
        assert (await plan_of(caller, other))["globalContext"]["routeType"] == "DRAFT"

        status = f"{DEFINITIONS}/{definition['definitionId']}/status"
        await caller.data("PUT", status, {"status": "INACTIVE"})
        missed = await caller.chat(session, "Tell me of tea [[say:cold]]")
        assert (await plan_of(caller, missed))["globalContext"]["routeType"] == "DRAFT"


FAULTY = ("cyclic,empty", "huge,broken", "many,hostile", "stranger,missing")


async def test_faulty_drafts_are_told_their_faults_and_after_three_one_task_answers(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **PLANNED) as system:
        caller = Caller(system.client)
        session = await caller.session()
        found = []
        for kinds in [f"{faulty},{last}" for faulty in FAULTY for last in ("good", "prose")]:
            told = await caller.chat(session, f"hello [[say:hi]] [[size:50000]] [[drafts:{kinds}]]")
            assert (told["turnStatus"], told["assistantMessage"]) == ("COMPLETED", "hi"), kinds
            context = (await plan_of(caller, told))["globalContext"]
            assert context["draftFaults"]
            found.append((context["routeType"], context["sourceType"], context["workflowDraftId"] is None))
        good, fallback = ("DRAFT", "AUTO_MISS_ROOT", False), ("FALLBACK", "AUTO_MISS_FALLBACK", True)
        assert found == [good, fallback] * len(FAULTY)
        assert len((await caller.data("GET", DRAFTS))["drafts"]) == 1


async def test_a_definition_that_lacks_a_name_of_the_context_is_passed_over_with_its_reason(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **PLANNED) as system:
        caller = Caller(system.client)
        session = await caller.session()
        told = await caller.chat(session, "hello [[say:hi]]")
        draft = f"{DRAFTS}/{(await plan_of(caller, told))['globalContext']['workflowDraftId']}"
        graph = {"nodes": [{"id": "greet", "type": "WORKER", "input": "[[say:hi {{context.name}}]]"}]}
        await caller.data("PUT", draft, {"version": 1, "graph": graph, "pattern": "greet*"})
        definition = await caller.data("POST", f"{draft}/publish")
        told = await caller.chat(session, "greet me", extraContext={"name": "Ada"})
        assert told["assistantMessage"] == "hi Ada"
        told = await caller.chat(session, "greet me [[say:whoever]]")
        context = (await plan_of(caller, told))["globalContext"]
        assert context["routeType"] == "DRAFT"
        (faults,) = context["routeFaults"][definition["definitionId"]]
        assert faults.startswith("nodes[0].input: names context.name; the context has the members message")
        refused = {"message": "greet me", "extraContext": {"routeType": "x"}}
        status, _, info = await caller.refusal("POST", f"/api/sessions/{session}/chat", refused)
        assert status == 400
        assert "an object without routeType" in info


RUNS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("[[drafts:chain]]", "COMPLETED", {"first": "COMPLETED", "check": "COMPLETED", "last": "COMPLETED"}),
    ("[[drafts:summed_up]]", "COMPLETED", {"left": "COMPLETED", "right": "COMPLETED"}),
    ("[[verdict:fail]]", "FAILED", {"answer": "FAILED", "review": "COMPLETED"}),
    ("[[verdict:prose]]", "FAILED", {"answer": "FAILED", "review": "FAILED"}),
    ("[[drafts:failing]]", "FAILED", {"answer": "FAILED", "after": "SKIPPED"}),
    ("late [[drafts:hanging_once]]", "COMPLETED", {"answer": "COMPLETED"}),
)


async def test_a_drafted_graph_is_run_to_its_end_whatever_its_tasks_do(redis_server: RedisServer) -> None:
    settings = {**PLANNED, "MIX2API_CONVERSATIONS_CALL_TIMEOUT_MS": "1000"}
    async with whole_system(Shape.SERVE, redis_server.url, **settings) as system:
        caller = Caller(system.client)

        async def run(message: str, status: str, tasks: dict[str, str]) -> None:
            told = await caller.chat(await caller.session(), message)
            assert (told["turnStatus"], await tasks_of(caller, told)) == (status, tasks)
            assert told["assistantMessage"]
            assert '"pass"' not in told["assistantMessage"]

        async with trio.open_nursery() as nursery:
            for each in RUNS:
                nursery.start_soon(run, *each)


async def test_a_deleted_session_takes_the_drafts_along_that_nobody_has_touched(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **PLANNED) as system:
        caller = Caller(system.client)
        session = await caller.session()
        told = [
            await caller.chat(session, f"hello [[drafts:{kind}]]") for kind in ("good", "single", "prose")
        ]
        _, single, _ = [(await plan_of(caller, each))["globalContext"]["workflowDraftId"] for each in told]
        await caller.data("PUT", f"{DRAFTS}/{single}", {"version": 1, "draftKey": "mine"})
        await caller.data("DELETE", f"/api/sessions/{session}")
        (left,) = (await caller.data("GET", DRAFTS))["drafts"]
        assert (left["draftId"], left["draftKey"]) == (single, "mine")


async def test_nothing_of_drafts_definitions_and_their_faults_is_found_outside_the_seal(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **PLANNED) as system:
        caller = Caller(system.client)
        words = {"title": "planted", "metaInfo": {"planted": "planted"}, "userId": "planted"}
        session = await caller.session(sessionId="planted", **words)
        more = {"extraContext": {"planted": "planted"}, "clientMessageId": "planted"}
        told = await caller.chat(session, "planted [[say:planted]]", **more)
        draft = f"{DRAFTS}/{(await plan_of(caller, told))['globalContext']['workflowDraftId']}"
        graph = {"nodes": [{"id": "planted", "type": "WORKER", "input": "planted {{context.gone}}"}]}
        body = {"version": 1, "graph": graph, "draftKey": "planted", "pattern": "planted*"}
        await caller.data("PUT", draft, body)
        await caller.data("POST", f"{draft}/publish")
        await caller.refusal("PUT", draft, {"version": 9, "graph": {"nodes": [{"id": "planted planted"}]}})
        await caller.chat(session, "planted [[say:planted]] [[drafts:prose]]")
        assert (await caller.chat(session, "planted [[status:500]]"))["planId"] is None
        names = redis_server.command("KEYS", "*")
        assert isinstance(names, list)
        for name in names:
            assert b"planted" not in name
            assert b"planted" not in (redis_server.command("DUMP", name) or b"")
        assert "planted" not in system.logged.getvalue()
