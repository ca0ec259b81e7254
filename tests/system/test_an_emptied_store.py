"""FLUSHALL under a running system: leases, heartbeats, logs and names are gone at once, and nobody gets an error for it."""

import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.vocabulary import EndReason

_NAMED = {"session_id": "my work"}


def empty(server: RedisServer, system: WholeSystem) -> None:
    """Deletes everything; of the answers before nothing is known to anybody any more."""
    server.command("FLUSHALL")
    system.client.answers.clear()


@pytest.mark.parametrize("shape", Shape)
async def test_the_next_request_is_served(redis_server: RedisServer, shape: Shape) -> None:
    async with whole_system(shape, redis_server.url) as system:
        await system.client.ask("hello")
        empty(redis_server, system)
        answers = [await system.client.ask("hello", stream=stream) for stream in (True, False)]
        assert [answer.status for answer in answers] == [200, 200]
        await system.check_log(runs=2)
        (changed,) = system.log_lines("leases.changed")[1:][:1]
        assert changed["lost"] == changed["gained"] > 0, (
            "an operator sees that something happened to the leases"
        )


@pytest.mark.parametrize("shape", Shape)
async def test_a_conversation_goes_on_in_a_fresh_session_with_its_whole_history(
    redis_server: RedisServer, shape: Shape
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask("one")
        empty(redis_server, system)
        history = [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": first.text()},
            {"role": "user", "content": "two"},
        ]
        second = await system.client.ask("", messages=history)
        assert (second.status, second.headers["x-mix2api-session"]) == (200, "fresh; reason=no_match")
        history += [{"role": "assistant", "content": second.text()}, {"role": "user", "content": "three"}]
        third = await system.client.ask("", messages=history)
        assert third.headers["x-mix2api-session"] == "continued; reason=lineage"
        assert third.headers["x-session-id"] == second.headers["x-session-id"]
        await system.check_log(runs=2)


@pytest.mark.parametrize("shape", Shape)
async def test_a_session_that_was_named_by_its_id_is_begun_anew(
    redis_server: RedisServer, shape: Shape
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask("one")
        empty(redis_server, system)
        issued = {"x-session-id": first.headers["x-session-id"]}
        second = await system.client.ask("two", headers=issued)
        assert (second.status, second.headers["x-mix2api-session"]) == (200, "fresh; reason=expired")
        assert len(system.demo.sessions) == 2
        await system.check_log(runs=1)


@pytest.mark.parametrize("shape", Shape)
async def test_a_name_is_given_to_a_fresh_session(redis_server: RedisServer, shape: Shape) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask("one", **_NAMED)
        empty(redis_server, system)
        second = await system.client.ask("two", **_NAMED)
        third = await system.client.ask("three", **_NAMED)
        ids = [answer.headers["x-session-id"] for answer in (first, second, third)]
        assert ids[0] != ids[1] == ids[2]
        assert third.headers["x-mix2api-session"] == "continued; reason=named"
        await system.check_log(runs=2)


@pytest.mark.parametrize("shape", Shape)
async def test_a_stream_whose_run_is_forgotten_ends_as_lost(redis_server: RedisServer, shape: Shape) -> None:
    async with whole_system(shape, redis_server.url) as system:
        async with system.client.asking("[[chunks:60]] [[pace:20]]", stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: body.count(b"data: ") > 3)
            empty(redis_server, system)
            answer = await asked.rest(head)
        assert answer.payloads()[-1] == "[DONE]"
        assert answer.finish_reason() == "error"
        assert answer.chunks()[-1]["error"]["end_reason"] == EndReason.WORKER_LOST
        request_id = answer.headers["x-request-id"]

        async def reported() -> bool:
            return any(line["request_id"] == request_id for line in system.log_lines())

        await until(reported)
        (line,) = (line for line in system.log_lines() if line["request_id"] == request_id)
        assert (line["end_reason"], line["detail"], line["http_status"]) == ("worker_lost", "fenced", 200)
        system.client.answers.clear()  # an answer of a run that nobody has
        assert (await system.client.ask("hello")).status == 200
        await system.check_log(runs=1)
