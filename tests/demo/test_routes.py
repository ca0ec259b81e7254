from typing import Any

import pytest
import trio

from mix2api.demo import Demo


async def test_an_unknown_path_is_a_404_in_json(client: Any) -> None:
    for path in ("/", "/v2", "/v2/chats/1", "/demo/sessions/a/b", "/v1/chat/completions"):
        got = await client.call("GET", path)
        assert (got.status, got.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/v2/chats", "POST"), ("POST", "/demo/stats", "GET")]
)
async def test_a_wrong_method_names_the_right_one(method: str, path: str, allowed: str, client: Any) -> None:
    got = await client.call(method, path)
    assert (got.status, got.headers["allow"]) == (405, allowed)


async def test_sessions_are_listed_and_shown_with_their_context(client: Any) -> None:
    await client.ask("[[say:yes]]")
    (listed,) = (await client.call("GET", "/demo/sessions")).json["sessions"]
    assert listed["messages"] == 2
    shown = (await client.call("GET", f"/demo/sessions/{listed['id']}")).json
    assert shown["messages"] == [
        {"role": "user", "content": "[[say:yes]]"},
        {"role": "assistant", "content": "yes"},
    ]
    assert len(shown["exchanges"]) == 1


async def test_a_session_is_forgotten_and_swapped_by_route(demo: Demo, client: Any) -> None:
    await client.ask("x")
    (session_id,) = demo.sessions
    assert (await client.call("POST", f"/demo/swap/{session_id}")).status == 200
    swapped = await client.ask("y", session_id=session_id)
    assert swapped.frames[0]["messageMetadata"]["sessionId"] != session_id
    assert (await client.call("POST", f"/demo/forget/{session_id}")).status == 200
    assert (await client.ask("z", session_id=session_id)).status == 404
    for path in (f"/demo/forget/{session_id}", f"/demo/swap/{session_id}"):
        assert (await client.call("POST", path)).json["error"]["code"] == "session_not_found"


async def test_counts_are_told_and_reset(demo: Demo, client: Any) -> None:
    await client.ask("x")
    await client.call("POST", "/v2/token")
    told = (await client.call("GET", "/demo/stats")).json
    assert told == {
        "connections": 1,
        "requests": 1,
        "open_streams": 0,
        "cut_by_client": 0,
        "overflows": 0,
        "logins": 1,
    }
    await client.call("POST", "/demo/reset")
    assert set((await client.call("GET", "/demo/stats")).json.values()) == {0}
    assert (demo.sessions, len(demo.received)) == ({}, 0)


async def test_counts_can_be_waited_for_from_outside(demo: Demo, client: Any, connect: Any) -> None:
    leaver = await connect(demo)
    told: list[dict[str, int]] = []

    async def wait() -> None:
        got = await client.call("GET", "/demo/stats?cut_by_client=1&open_streams=0")
        told.append(got.json)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await leaver.send(
            "POST", "/v2/chats", b'{"request":{"agent_slug":"","model_slug":"","query":"[[hang]]"}}'
        )
        await demo.stats.wait_until(lambda stats: stats.open_streams == 1)
        assert told == []
        await leaver.stream.aclose()
    assert told[0]["cut_by_client"] == 1
    assert (await client.call("GET", "/demo/stats?logins=many")).status == 400


async def test_the_bodies_of_the_last_requests_are_shown(client: Any) -> None:
    await client.ask("[[say:yes]]")
    (received,) = (await client.call("GET", "/demo/received")).json["received"]
    assert "[[say:yes]]" in str(received)
