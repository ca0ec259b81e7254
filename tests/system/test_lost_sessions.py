"""A site that lost a session: the turn runs once more on a fresh one, and the client is told of the run that answered it."""

import pytest
from redis_server import RedisServer
from whole_system import Shape, whole_system

from mix2api.vocabulary import EndReason


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("shape", Shape)
async def test_the_answer_names_the_run_and_the_session_that_gave_it(
    shape: Shape, redis_server: RedisServer, *, stream: bool
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        first = await system.client.ask("one", stream=stream)
        (lost,) = system.demo.sessions
        system.demo.site.forget(lost)
        told = [("user", "one"), ("assistant", first.text()), ("user", "two")]
        messages = [{"role": role, "content": text} for role, text in told]
        answer = await system.client.ask("", messages=messages, stream=stream)
        assert answer.headers["x-mix2api-session"] == "fresh; reason=upstream_lost"
        run = await system.ended_run_of(answer.headers["x-request-id"])
        assert run.end.end_reason is EndReason.STOP
        assert answer.headers["x-mix2api-run-id"] == run.run_id
        assert answer.headers["x-session-id"] == run.session_id
        assert f"chatcmpl-{run.run_id}".encode() in answer.body
        await system.check_log(runs=3)
