import socket
import struct
from typing import Any

import pytest
import trio

from mix2api.demo import Demo, DemoOptions, main


async def test_a_free_port_is_taken_and_told(demo: Demo) -> None:
    assert demo.port > 0
    assert demo.url == f"http://127.0.0.1:{demo.port}"


async def test_a_taken_port_is_an_error_at_once(demo: Demo) -> None:
    with pytest.raises(OSError, match="in use"):
        await main(DemoOptions(port=demo.port))


async def test_connections_are_kept_alive_and_two_sites_are_strangers(
    demo: Demo, client: Any, start_demo: Any, connect: Any
) -> None:
    for _ in range(3):
        await client.ask("x")
    assert demo.stats.connections == 1
    other = await start_demo()
    session_id = next(iter(demo.sessions))
    assert (await (await connect(other)).ask("x", session_id=session_id)).status == 404


@pytest.mark.parametrize("linger_s", [None, 0])
async def test_a_lost_connection_leaves_the_site_running(
    linger_s: int | None, demo: Demo, client: Any, connect: Any
) -> None:
    other = await connect(demo)
    await other.ask("x")
    if linger_s is not None:
        other.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger_s))
    await other.stream.aclose()
    assert (await client.ask("x")).done


async def test_it_ends_with_its_nursery_while_streams_are_open(start_demo: Any, connect: Any) -> None:
    with trio.fail_after(10), trio.CancelScope() as site:
        demo = await start_demo()
        client = await connect(demo)
        await client.send(
            "POST", "/v2/chats", b'{"request":{"agent_slug":"","model_slug":"","query":"[[silent]]"}}'
        )
        await demo.stats.wait_until(lambda stats: stats.open_streams == 1)
        site.cancel()
