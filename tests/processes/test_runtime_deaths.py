"""An adapter that is killed in the middle of a run of a runtime: the next one leaves nothing of it open."""

import trio
from forked_process import forked_process
from processes.test_deaths import at, eyes, under_way
from real_process import RealProcess
from redis_server import RedisServer
from whole_system import defaults, until

from mix2api.demo import Demo, DemoKind, DemoOptions, serve_demo
from mix2api.vocabulary import Detail, EndReason

_LIMIT_S = 120
_TOKEN = "planted-access-token-of-a-caller"
_ENDLESS = "[[chunks:100000]] [[pace:10]]"
_HEADERS = {"x-request-id": "died", "x-session-id": "tab", "x-access-token": _TOKEN}


def keys(redis: RedisServer, pattern: str) -> list[bytes]:
    found = redis.command("KEYS", pattern)
    assert isinstance(found, list)
    return found


def contexts(redis: RedisServer) -> list[bytes]:
    """The contexts of runtime sessions that stand in Redis."""
    return keys(redis, "mix2api:{runtime}:context:*")


async def kill_in_a_run(demo: Demo, server: RealProcess, redis: RedisServer) -> None:
    """Kills a server once a client has pieces of an answer."""
    async with (
        eyes(demo, server, at(redis)) as system,
        system.client.asking(_ENDLESS, headers=_HEADERS, stream=True) as asked,
    ):
        await under_way(system, asked)
        assert len(demo.runtime.sessions) == len(contexts(redis)) == 1
        await server.kill()


async def test_the_next_process_leaves_no_session_no_context_and_no_token_of_a_killed_one(
    redis_server: RedisServer,
) -> None:
    with trio.fail_after(_LIMIT_S):
        async with trio.open_nursery() as nursery:
            demo: Demo = await nursery.start(serve_demo, DemoOptions(kind=DemoKind.OPENCODE))
            settings = {**defaults(demo.url, redis_server.url), "MIX2API_UPSTREAM": "opencode"}

            async def none_left() -> bool:
                return not demo.runtime.sessions and not contexts(redis_server)

            async with forked_process("serve", settings) as first:
                await kill_in_a_run(demo, first, redis_server)
            async with (
                forked_process("serve", settings) as second,
                eyes(demo, second, at(redis_server)) as system,
            ):
                await second.wait_line("runtime.swept")
                end = (await system.ended_run_of("died")).end
                assert (end.end_reason, end.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)
                await until(none_left)
                answer = await system.client.ask("[[say:on]]", headers={"x-session-id": "tab"})
                assert answer.text() == "on"
                await until(none_left)
                await system.check_log(runs=2)
            assert _TOKEN not in repr((first.lines, first.rest, second.lines, second.rest))
            resting = [redis_server.command("DUMP", key) for key in keys(redis_server, "*")]
            assert _TOKEN not in repr(resting)
            nursery.cancel_scope.cancel()
