"""The conversations API over a whole system: refusals, pages, busy sessions and feeds.

`tests/processes/test_conversations.py` has what callers see of sessions, turns, plans and tasks, over real processes.
"""

from typing import Any

import msgspec
import trio
from conversation_client import OFFER, Caller
from redis_server import RedisServer
from whole_system import Shape, until, whole_system

SLOW = "slow [[chunks:9]] [[pace:3600000]]"
"""A message that is never answered."""


async def test_without_the_setting_there_is_no_such_route(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        answer = await Caller(system.client).call("POST", "/api/sessions", {"userId": "u1"})
        assert (answer.status, answer.error()["code"]) == (404, "not_found")


async def test_bad_requests_name_the_field_and_another_s_ids_are_unknown(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller, other = Caller(system.client), Caller.other(system.client)
        session = await caller.session(sessionId="mine")
        refused = caller.refusal
        for body, word in (
            ({"userId": 5}, "userId"),
            ({"userId": "u", "metaInfo": []}, "metaInfo"),
            ({"userId": "u", "sessionId": "a/b"}, "sessionId"),
            ({"userId": "u", "ifExists": "x"}, "ifExists"),
            ({"userid": "u"}, "userId"),
            ([], "JSON object"),
        ):
            status, code, info = await refused("POST", "/api/sessions", body)
            assert (status, code) == (400, "0002")
            assert word in info
        chat = f"/api/sessions/{session}/chat"
        for body, word in (
            ({}, "message"),
            ({"message": "m", "wait": 1}, "wait"),
            ({"message": "m", "extraContext": 1}, "extraContext"),
        ):
            assert (await refused("POST", chat, body))[:2] == (400, "0002")
            assert word in (await refused("POST", chat, body))[2]
        assert (await refused("POST", f"{chat}?async=true", {"message": "m", "wait": True}))[0] == 400
        for path in ("turns?limit=0", "plans?limit=x", "messages?cursor=x"):
            assert (await refused("GET", f"/api/sessions/{session}/{path}"))[:2] == (400, "0002")
        assert (await refused("GET", "/api/sessions?userId=u&userId=v"))[2].startswith(
            "Invalid value for 'userId'"
        )
        assert (await refused("GET", "/api/sessions"))[:2] == (400, "0002")
        assert (await refused("GET", "/api/sessions?userId=u&cursor=x"))[:2] == (400, "0002")

        told = await caller.chat(session, "[[say:mine]]")
        (task,) = (await caller.data("GET", f"/api/plans/{told['planId']}/tasks"))["tasks"]
        mine = (
            *(
                ("GET", f"/api/sessions/{session}{end}")
                for end in ("", "/turns", "/messages", "/plans", "/overview")
            ),
            *(("GET", f"/api/turns/{told['turnId']}"), ("GET", f"/api/plans/{told['planId']}")),
            *(
                ("GET", f"/api/plans/{told['planId']}/tasks"),
                ("GET", f"/api/tasks/{task['taskId']}/executions"),
            ),
            *(("POST", f"/api/turns/{told['turnId']}/cancel"), ("DELETE", f"/api/sessions/{session}")),
        )
        for method, path in mine:
            assert (await other.refusal(method, path))[:2] == (404, "0002")
        assert (await other.refusal("POST", chat, {"message": "m"}))[:2] == (404, "0002")
        for path in (
            "turns/x",
            "plans/x",
            "plans/x/tasks",
            "tasks/x/executions",
            f"tasks/{task['taskId']}9/executions",
        ):
            assert (await refused("GET", f"/api/{path}"))[:2] == (404, "0002")
        assert (await refused("GET", "/api/nothing"))[:2] == (404, "0002")
        assert (await refused("PUT", f"/api/sessions/{session}"))[:2] == (405, "0002")
        assert await other.session(sessionId="mine") == "mine"
        assert (await other.data("GET", "/api/sessions/mine/turns"))["turns"] == []

        created = await refused("POST", "/api/sessions", {"userId": "u", "sessionId": "mine"})
        assert created[:2] == (409, "0004")
        again = {"userId": "u", "sessionId": "mine", "ifExists": "return"}
        assert (await caller.data("POST", "/api/sessions", again))["userId"] == "u1"


async def test_a_session_lists_its_turns_plans_and_messages_page_by_page(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        session = await caller.session()
        turns = [await caller.chat(session, f"[[say:{number}]]") for number in range(5)]
        for kind, key in (("turns", "turnId"), ("plans", "planId"), ("messages", "turnId")):
            seen: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                more = f"&cursor={cursor}" if cursor else ""
                page = await caller.data("GET", f"/api/sessions/{session}/{kind}?limit=2{more}")
                ids = list(dict.fromkeys(entry[key] for entry in page[kind]))
                seen += reversed(ids) if kind == "messages" else ids
                cursor = page["nextCursor"]
            assert seen == [turn[key] for turn in reversed(turns)]
        others = [await caller.session(sessionId=f"s{number}") for number in range(3)]
        listed: list[str] = []
        cursor = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = await caller.data("GET", f"/api/sessions?userId=u1&limit=3{more}")
            listed += [entry["sessionId"] for entry in page["sessions"]]
            cursor = page["nextCursor"]
        assert sorted(listed) == sorted([session, *others])


async def test_a_repeated_message_is_the_same_turn_and_busy_sessions_queue(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        session = await caller.session()
        chat = f"/api/sessions/{session}/chat"
        slow = {"message": SLOW, "clientMessageId": "c1"}
        first = await caller.data("POST", f"{chat}?async=true", slow)
        assert first["assistantMessage"] is None
        answers: list[object] = []

        async def ask() -> None:
            answers.append(await caller.data("POST", chat, {**slow, "async": True}))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask)
        assert {answer["turnId"] for answer in answers} == {first["turnId"]}  # type: ignore[index]
        planned = await caller.data("POST", chat, slow)
        assert (planned["turnStatus"], planned["planId"] is None) == ("EXECUTING", False)
        second = await caller.data("POST", f"{chat}?async=true", {"message": "[[say:second]]"})
        (queued, _) = (await caller.data("GET", f"/api/sessions/{session}/turns"))["turns"]
        assert (queued["turnId"], queued["displayName"]) == (second["turnId"], "queued")
        cancelled = await caller.data("POST", f"/api/turns/{first['turnId']}/cancel")
        assert (cancelled["status"], cancelled["assistantSummary"]) == (
            "CANCELLED",
            "The turn was cancelled.",
        )
        repeat = await caller.data("POST", chat, slow)
        assert (repeat["turnId"], repeat["turnStatus"]) == (first["turnId"], "CANCELLED")

        async def answered() -> bool:
            turn = await caller.data("GET", f"/api/turns/{second['turnId']}")
            return bool(turn["assistantSummary"] == "second")

        await until(answered)
        await system.check_log(runs=2)


async def test_busy_sessions_refuse_or_are_interrupted_as_the_setting_says(redis_server: RedisServer) -> None:
    for busy, status in (("reject", 409), ("interrupt", 200)):
        more = {**OFFER, "MIX2API_CONVERSATIONS_BUSY": busy}
        async with whole_system(Shape.SERVE, redis_server.url, **more) as system:
            caller = Caller(system.client)
            session = await caller.session()
            chat = f"/api/sessions/{session}/chat"
            first = await caller.data("POST", chat, {"message": SLOW})
            answer = await caller.call("POST", chat, {"message": "[[say:two]]", "wait": True})
            assert answer.status == status
            turn = await caller.data("GET", f"/api/turns/{first['turnId']}")
            if busy == "reject":
                assert (answer.json()["code"], turn["status"]) == ("0004", "EXECUTING")
            else:
                assert answer.json()["data"]["assistantMessage"] == "two"
                assert (turn["status"], turn["displayName"]) == ("CANCELLED", "interrupted")


async def test_a_deleted_session_leaves_nothing_and_its_run_ends(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        session = await caller.session()
        await caller.data("POST", f"/api/sessions/{session}/chat", {"message": SLOW})
        await caller.data("POST", f"/api/sessions/{session}/chat?async=true", {"message": SLOW})
        await caller.data("DELETE", f"/api/sessions/{session}")
        assert (await caller.refusal("GET", f"/api/sessions/{session}"))[:2] == (404, "0002")
        assert (await caller.data("GET", "/api/sessions?userId=u1"))["sessions"] == []

        async def nothing_left() -> bool:
            return not redis_server.command("KEYS", "*convers*")

        await until(nothing_left)
        report = await system.check_log(runs=1)
        assert report["ended"] == 1


async def test_a_turn_that_makes_no_step_is_ended_by_the_guard(redis_server: RedisServer) -> None:
    more = {**OFFER, "MIX2API_CONVERSATIONS_STALL_S": "1"}
    async with whole_system(Shape.SERVE, redis_server.url, **more) as system:
        caller = Caller(system.client)
        told = await caller.chat(await caller.session(), SLOW)
        assert told["turnStatus"] == "FAILED"
        assert "made no step" in told["assistantMessage"]


async def test_an_edge_and_a_worker_apart_run_turns_together(redis_server: RedisServer) -> None:
    async with whole_system(Shape.APART, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        session = await caller.session()
        told = await caller.chat(session, "[[say:apart]]")
        assert told["assistantMessage"] == "apart"
        slow = await caller.data("POST", f"/api/sessions/{session}/chat", {"message": SLOW})
        await caller.data("POST", f"/api/turns/{slow['turnId']}/cancel")
        await system.check_log(runs=2)


async def test_a_plan_is_followed_from_a_baseline_on_and_from_where_a_follower_left(
    redis_server: RedisServer,
) -> None:
    async with whole_system(Shape.APART, redis_server.url, **OFFER) as system:
        caller = Caller(system.client)
        session = await caller.session()
        told = await caller.data("POST", f"/api/sessions/{session}/chat", {"message": SLOW})
        path = f"/api/plans/{told['planId']}/events"
        async with system.client.request("GET", path) as follower:
            await follower.head()
            await follower.read_until(lambda body: b"event: task_claimed" in body or b'"RUNNING"' in body)
            await caller.data("POST", f"/api/turns/{told['turnId']}/cancel")
            while await follower.piece():
                pass
        frames = frames_of(follower.body)
        assert (frames[0]["event"], frames[0]["data"]["tasks"][0]["nodeId"]) == ("baseline", "answer")
        assert [int(frame["id"]) for frame in frames] == list(
            range(int(frames[0]["id"]), int(frames[0]["id"]) + len(frames))
        )
        assert (frames[-1]["event"], frames[-1]["data"]["turnStatus"]) == ("turn", "CANCELLED")
        again = await caller.call("GET", path, **{"last-event-id": frames[-3]["id"]})
        assert frames_of(again.body) == frames[-2:]
        late = frames_of((await caller.call("GET", path)).body)
        assert [(frame["event"], frame["data"]["planStatus"]) for frame in late] == [
            ("baseline", "CANCELLED")
        ]
        ended = await caller.call("GET", path, **{"last-event-id": frames[-1]["id"]})
        assert frames_of(ended.body) == []
        assert (await Caller.other(system.client).refusal("GET", path))[:2] == (404, "0002")


def frames_of(body: bytes) -> list[dict[str, Any]]:
    """The events of a feed: `id`, `event`, and `data` decoded."""
    frames = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            frames.append({**fields, "data": msgspec.json.decode(fields["data"])})
    return frames
