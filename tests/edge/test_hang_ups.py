"""Who is told of what on the sockets that are listened to."""

import socket
from contextlib import ExitStack, closing

import trio
import trio.testing

from mix2api.edge.hang_ups import HangUps


async def test_each_socket_tells_its_own_listener_for_as_long_as_it_is_listened_to() -> None:
    told: list[tuple[str, bytes]] = []
    with ExitStack() as stack, closing(HangUps()) as hang_ups:
        ours, theirs = {}, {}
        for name in ("first", "second"):
            pair = [stack.enter_context(each) for each in socket.socketpair()]
            ours[name], theirs[name] = pair
            ours[name].setblocking(False)  # noqa: FBT003 - the standard library's shape

            def on_readable(name: str = name) -> None:
                data = ours[name].recv(100)
                told.append((name, data))
                if not data:
                    hang_ups.ignore(ours[name])

            hang_ups.listen(ours[name], on_readable)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hang_ups.run)
            await trio.testing.wait_all_tasks_blocked()
            assert told == []
            theirs["second"].send(b"a")
            await told_of(told, 1)
            theirs["first"].close()
            await told_of(told, 2)
            await trio.testing.wait_all_tasks_blocked()
            theirs["second"].send(b"b")
            await told_of(told, 3)
            hang_ups.ignore(ours["second"])
            theirs["second"].send(b"c")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert told == [("second", b"a"), ("first", b""), ("second", b"b")]


async def told_of(told: list[tuple[str, bytes]], count: int) -> None:
    with trio.fail_after(5):
        while len(told) < count:
            await trio.lowlevel.checkpoint()
