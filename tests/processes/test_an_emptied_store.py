"""`SHUTDOWN NOSAVE` while the openai SDK reads: it gets what the site said, or a beginning of that and an exception."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import trio
from forked_process import forked_process
from redis_server import RedisServer
from sdk_client import Fault, Round, SdkClient, wrong_of
from whole_system import defaults, until

from mix2api.demo import Demo, DemoOptions, serve_demo

_LIMIT_S = 60
_LONG = "[[chunks:60]] [[pace:20]]"
_ROUNDS = (Round((("look", 1),)), Round((("fetch", 2), ("look", 3))), Round((("look", 4),)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that keeps nothing."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_sdk_clients_go_through_a_shutdown_without_saving(server: RedisServer) -> None:
    async with trio.open_nursery() as nursery:
        with ExitStack() as clients, trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            settings = {**defaults(demo.url, server.url), "SEND_UPSTREAM_TOOLS": "true"}
            async with (
                forked_process("worker", settings) as worker,
                forked_process("edge", settings) as edge,
            ):
                port = await edge.wait_port()
                await worker.wait_line("leases.changed")
                streaming = clients.enter_context(SdkClient(port))
                looping = clients.enter_context(SdkClient(port))
                looped = partial(looping.loop, "[[pace:20]][[size:2]]", _ROUNDS * 2, stream=True)
                async with trio.open_nursery() as asking:
                    asking.start_soon(
                        trio.to_thread.run_sync, partial(streaming.ask, f"one {_LONG}", stream=True)
                    )
                    asking.start_soon(trio.to_thread.run_sync, looped)
                    await until(lambda: has_begun(looping, demo))
                    await trio.to_thread.run_sync(server.shut_down)
                    await trio.to_thread.run_sync(server.start)
                again = [
                    await trio.to_thread.run_sync(partial(streaming.ask, f"two {stream}", stream=stream))
                    for stream in (True, False)
                ]
        nursery.cancel_scope.cancel()
    assert list(wrong_of([*streaming.seen, *looping.seen])) == []
    assert Fault.CUT not in {each.fault for each in [*streaming.seen, *looping.seen]}
    assert (looping.seen[-1].fault, looping.seen[-1].finish) == (None, "stop"), "the loop was run to its end"
    assert [each.fault for each in again] == [None, None]


async def has_begun(looping: SdkClient, demo: Demo) -> bool:
    """Whether the loop is past its first round, and both clients have turns under way."""
    await trio.lowlevel.checkpoint()
    return bool(looping.seen) and demo.stats.open_streams == 2
