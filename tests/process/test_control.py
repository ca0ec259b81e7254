"""The line between a process and its supervisor: the process says when it is ready, and hears when the supervisor is gone."""

import socket

import trio

from mix2api.process.control import Supervised


async def test_a_process_says_that_it_is_ready_and_stops_when_its_supervisor_is_gone() -> None:
    ours, theirs = socket.socketpair()
    stopping, ready = trio.Event(), trio.Event()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Supervised(0, theirs.detach()).watch, stopping, ready)
            ready.set()
            supervisor = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            assert await supervisor.receive_some() == b"r"
            assert not stopping.is_set()
            await supervisor.aclose()
            await stopping.wait()


async def test_a_supervisor_that_is_gone_before_anything_is_ready_stops_the_process_too() -> None:
    ours, theirs = socket.socketpair()
    stopping, ready = trio.Event(), trio.Event()
    ours.close()
    with trio.fail_after(5):
        await Supervised(0, theirs.detach()).watch(stopping, ready)
    assert stopping.is_set()


async def test_a_socket_of_another_program_is_listened_on_and_nobody_is_told() -> None:
    stopping, ready = trio.Event(), trio.Event()
    given = Supervised(3)
    assert given.bind == "fd://3"
    await given.watch(stopping, ready)
    assert not stopping.is_set()
