"""The workflows API over a whole system: what callers see of drafts and definitions, two of them at once, and strangers."""

from typing import Any

import trio
from conversation_client import OFFER, Caller
from conversation_graphs import critic, graph_of, worker
from redis_server import RedisServer
from whole_system import SHARDS, Shape, WholeSystem, whole_system

from mix2api.conversations.planner import SourceType

DRAFTS, DEFINITIONS = "/api/workflows/drafts", "/api/workflows/definitions"
GRAPH = graph_of(worker("a"), critic("check", "a"), worker("b", "{{nodes.a.output}}"), edges=["check b"])


async def drafted(system: WholeSystem, caller: Caller) -> Any:
    """A draft of the caller's as the API shows it, as if the model had made it."""
    owner = system.store.seal.digest(caller.client.token.encode(), "caller")
    workflows = system.store.workflows(SHARDS, 0)
    draft = await workflows.keep_draft(owner, GRAPH, SourceType.AUTO_MISS_ROOT, 1)
    assert draft is not None
    return await caller.data("GET", f"{DRAFTS}/{draft.draft_id}")


async def test_a_draft_is_read_edited_and_published_and_the_definition_switched_off_and_removed(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        assert await caller.data("GET", DRAFTS) == {"drafts": [], "nextCursor": None}
        assert await caller.data("GET", DEFINITIONS) == {"definitions": []}
        draft = await drafted(system, caller)
        path = f"{DRAFTS}/{draft['draftId']}"
        assert (draft["version"], draft["sourceType"], draft["graph"]) == (
            1,
            "AUTO_MISS_ROOT",
            GRAPH.as_json(),
        )
        (listed,) = (await caller.data("GET", DRAFTS))["drafts"]
        assert listed == {name: value for name, value in draft.items() if name != "graph"}

        graph = {"nodes": [{"id": "only", "type": "WORKER", "input": "{{context.customer}}"}]}
        edited = await caller.data("PUT", path, {"version": 1, "graph": graph, "draftKey": "tea"})
        assert (edited["version"], edited["draftKey"], edited["pattern"]) == (2, "tea", None)
        assert edited["graph"]["nodes"][0]["id"] == "only"
        assert (await caller.data("GET", path))["graph"] == edited["graph"]

        definition = await caller.data(
            "POST", f"{path}/publish", {"version": 2, "pattern": "*tea*", "score": 0.9}
        )
        assert (definition["key"], definition["version"], definition["status"]) == ("tea", 1, "ACTIVE")
        assert (definition["pattern"], definition["score"]) == ("*tea*", 0.9)
        assert definition["graph"] == edited["graph"]
        draft = await caller.data("GET", path)
        assert (draft["version"], draft["definitionId"]) == (3, definition["definitionId"])
        again = await caller.data("POST", f"{path}/publish")
        assert (again["key"], again["version"], again["pattern"]) == ("tea", 2, "*tea*")
        listed = (await caller.data("GET", DEFINITIONS))["definitions"]
        assert {(one["key"], one["version"]) for one in listed} == {("tea", 1), ("tea", 2)}

        at = f"{DEFINITIONS}/{again['definitionId']}"
        assert (await caller.data("PUT", f"{at}/status", {"status": "INACTIVE"}))["status"] == "INACTIVE"
        assert (await caller.data("GET", at))["status"] == "INACTIVE"
        assert await caller.data("DELETE", at) == {"definitionId": again["definitionId"], "deleted": True}
        assert (await caller.refusal("GET", at))[:2] == (404, "0002")
        assert await caller.data("DELETE", path) == {"draftId": draft["draftId"], "deleted": True}
        assert (await caller.refusal("DELETE", path))[:2] == (404, "0002")
        assert (await caller.data("GET", f"{DEFINITIONS}/{definition['definitionId']}"))["version"] == 1


async def test_of_two_people_who_edit_one_version_the_second_is_shown_what_stands(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        path = f"{DRAFTS}/{(await drafted(system, caller))['draftId']}"
        answers = []

        async def edit(key: str) -> None:
            answers.append((await caller.call("PUT", path, {"version": 1, "draftKey": key})).json())

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(edit, f"key-{number}")
        (won,) = [told["data"] for told in answers if told["code"] == "0000"]
        assert won["version"] == 2
        refused = [told for told in answers if told["code"] == "0004"]
        assert [told["data"] for told in refused] == [won] * 7
        assert refused[0]["info"].startswith("Version 2 of the draft stands by now")
        status, code, _ = await caller.refusal("POST", f"{path}/publish", {"version": 1, "pattern": "*"})
        assert (status, code) == (409, "0004")


async def test_publications_at_once_get_versions_of_their_own(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        path = f"{DRAFTS}/{(await drafted(system, caller))['draftId']}"
        versions = []

        async def publish() -> None:
            versions.append((await caller.data("POST", f"{path}/publish", {"pattern": "*"}))["version"])

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(publish)
        assert sorted(versions) == [1, 2, 3, 4, 5]


BAD_EDITS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "'version': it must be the version that you have read"),
    ({"version": "1"}, "'version': it must be a whole number from 1"),
    ({"version": 1, "graph": []}, "the graph must be an object with nodes and edges"),
    (
        {
            "version": 1,
            "graph": {"nodes": [{"id": "a", "type": "WORKER", "agentKey": "x", "input": "i"}]},
        },
        "nodes[0].agentKey: must be one of the configured agents: assistant",
    ),
    (
        {"version": 1, "graph": {"nodes": [{"id": "a", "type": "WORKER", "input": "{% if a %}"}]}},
        "nodes[0].input: may hold placeholders such as {{nodes.a.output}}",
    ),
    (
        {
            "version": 1,
            "graph": {
                "nodes": [{"id": "a", "type": "WORKER", "input": "i"}],
                "edges": [{"from": "a", "to": "a"}],
            },
        },
        "edges[0]: closes a cycle: a -> a",
    ),
    ({"version": 1, "draftKey": "A b"}, "'draftKey': it must be 1 to 64 characters of a-z"),
    ({"version": 1, "pattern": ""}, "'pattern': it must be a text of 1 to 500"),
    ({"version": 1, "score": 2}, "'score': it must be a number from 0.001 to 1"),
    ({"version": 1, "nodes": []}, "has a field that does not exist"),
)


async def test_a_bad_edit_is_told_its_fault_and_changes_nothing(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        draft = await drafted(system, caller)
        path = f"{DRAFTS}/{draft['draftId']}"
        for body, word in BAD_EDITS:
            status, code, info = await caller.refusal("PUT", path, body)
            assert (status, code) == (400, "0002")
            assert word in info
        assert await caller.data("GET", path) == draft


async def test_bad_publications_and_statuses_are_told_their_fault(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        path = f"{DRAFTS}/{(await drafted(system, caller))['draftId']}"
        status, code, info = await caller.refusal("POST", f"{path}/publish", {})
        assert (status, code) == (400, "0002")
        assert "'pattern': the draft has none" in info
        assert (await caller.refusal("POST", f"{path}/publish", {"key": "/"}))[0] == 400
        assert (await caller.refusal("GET", f"{DRAFTS}?cursor=x"))[0] == 400
        definition = await caller.data("POST", f"{path}/publish", {"pattern": "*"})
        at = f"{DEFINITIONS}/{definition['definitionId']}/status"
        for body in ({}, {"status": "active"}, {"state": "ACTIVE"}):
            assert (await caller.refusal("PUT", at, body))[:2] == (400, "0002")
        assert (await caller.refusal("PATCH", path))[0] == 405


async def test_a_stranger_finds_none_of_it_under_any_id(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller, other = Caller(system.client), Caller.other(system.client)
        draft = f"{DRAFTS}/{(await drafted(system, caller))['draftId']}"
        definition = (await caller.data("POST", f"{draft}/publish", {"pattern": "*"}))["definitionId"]
        at = f"{DEFINITIONS}/{definition}"
        for method, path, body in (
            ("GET", draft, None),
            ("PUT", draft, {"version": 2}),
            ("DELETE", draft, None),
            ("POST", f"{draft}/publish", {"pattern": "*"}),
            ("GET", at, None),
            ("PUT", f"{at}/status", {"status": "INACTIVE"}),
            ("DELETE", at, None),
        ):
            assert (await other.refusal(method, path, body))[:2] == (404, "0002")
        assert (await other.data("GET", DRAFTS))["drafts"] == []
        assert (await other.data("GET", DEFINITIONS))["definitions"] == []
        assert (await caller.data("GET", at))["status"] == "ACTIVE"
