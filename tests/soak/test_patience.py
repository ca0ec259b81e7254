"""What needs real minutes: longer than the 60 s after which the web framework would cut a stream, and long silences."""

import pytest
from redis_server import RedisServer
from whole_system import Shape, whole_system

from mix2api.demo import answer_text

pytestmark = [pytest.mark.soak, pytest.mark.parametrize("shape", Shape)]
_LIMIT_S = 180


async def test_a_stream_of_ninety_seconds_arrives_whole(shape: Shape, redis_server: RedisServer) -> None:
    prompt = "[[chunks:900]] [[pace:100]]"
    async with whole_system(shape, redis_server.url, limit_s=_LIMIT_S) as system:
        answer = await system.client.ask(prompt, stream=True)
        assert answer.finish_reason() == "stop"
        assert answer.text() == answer_text(prompt)
        assert answer.payloads()[-1] == "[DONE]"
        report = await system.check_log(runs=1)
        assert report["done_coverage"] == 1.0


async def test_forty_silent_seconds_are_filled_with_comments(shape: Shape, redis_server: RedisServer) -> None:
    prompt = "[[slow_head:40000]]"
    async with whole_system(shape, redis_server.url, limit_s=_LIMIT_S) as system:
        answer = await system.client.ask(prompt, stream=True)
        assert answer.body.count(b": keep-alive\n") >= 3  # after 3 s with the headers, then every 15 s
        assert answer.finish_reason() == "stop"
        assert answer.text() == answer_text(prompt)
        await system.check_log(runs=1)


async def test_a_whole_answer_may_take_ninety_seconds(shape: Shape, redis_server: RedisServer) -> None:
    prompt = "[[slow_head:90000]]"
    async with whole_system(shape, redis_server.url, limit_s=_LIMIT_S) as system:
        answer = await system.client.ask(prompt)
        assert answer.finish_reason() == "stop"
        assert answer.text() == answer_text(prompt)
        await system.check_log(runs=1)
