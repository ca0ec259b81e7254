"""The link: one round trip per call, no reply ever given to the wrong caller, connections that come back."""

import select
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing
from lossy_proxy import lossy_proxy
from redis.exceptions import ResponseError
from redis_server import RedisServer
from scarcity import no_descriptor_left

from mix2api.errors import NoDescriptor, StoreUnavailable
from mix2api.store.redis.link import NotSent, Told
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.server_link import ServerLink


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[ServerLink]:
    made = ServerLink(RedisLocation.parse(redis_server.url), Timeouts(), "test-link")
    yield made
    await made.aclose()


@pytest.fixture
def own_server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_replies_come_in_the_order_of_the_commands(link: ServerLink) -> None:
    assert await link.execute(("SET", "a", 1), ("GET", "a"), ("GET", "none")) == [b"OK", b"1", None]


async def test_no_commands_have_no_replies(link: ServerLink) -> None:
    assert await link.execute() == []
    assert await link.execute(("ECHO", "x")) == [b"x"]


async def test_what_is_handed_in_during_a_round_trip_leaves_together_behind_it(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy:
        link = ServerLink(RedisLocation(path=str(proxy.path)), Timeouts(), "test-together")
        await link.execute(("PING",))
        passed = proxy.passed
        told: list[Told] = []
        for number in range(10):
            link.hand_in([("ECHO", number)], told.append)
        assert told == [], "nothing is told before the caller waits"
        await link.execute(("PING",))
        assert told == [[str(number).encode()] for number in range(10)]
        assert proxy.passed == passed + 2
        await link.aclose()


async def test_more_than_the_socket_takes_is_sent_behind(link: ServerLink) -> None:
    await link.execute(("PING",))
    large = b"x" * 20_000_000
    with trio.fail_after(30):
        assert await link.execute(("SET", "large", large), ("STRLEN", "large")) == [b"OK", len(large)]
        assert await link.execute(("DEL", "large")) == [1]


async def test_a_link_that_is_closed_takes_nothing(link: ServerLink) -> None:
    await link.execute(("PING",))
    told: list[Told] = []
    link.hand_in([("ECHO", "cut")], told.append)
    await link.aclose()
    (cut,) = told
    assert isinstance(cut, StoreUnavailable)
    with pytest.raises(NotSent):
        link.hand_in([("ECHO", "late")], told.append)


async def test_an_error_reply_is_one_of_the_replies(link: ServerLink) -> None:
    wrong, right = await link.execute(("NOSUCH",), ("ECHO", b"\xff\x00"))
    assert isinstance(wrong, ResponseError)
    assert right == b"\xff\x00"


async def test_what_cannot_be_sent_is_told_to_the_caller_and_harms_nobody(link: ServerLink) -> None:
    with pytest.raises(TypeError):
        await link.execute(("SET", "a", {}))  # type: ignore[arg-type]
    assert await link.execute(("ECHO", "x")) == [b"x"]


async def test_many_tasks_each_get_their_own_reply(link: ServerLink) -> None:
    replies = {}

    async def ask(number: int) -> None:
        replies[number] = await link.execute(("ECHO", number), ("ECHO", -number))

    async with trio.open_nursery() as nursery:
        for number in range(500):
            nursery.start_soon(ask, number)
    assert replies == {n: [str(n).encode(), str(-n).encode()] for n in range(500)}


async def test_after_a_cancel_before_the_reply_the_next_reply_is_the_right_one(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy:
        link = ServerLink(RedisLocation(path=str(proxy.path)), Timeouts(), "test-cancel")
        await link.execute(("PING",))
        for number in range(20):
            proxy.held, proxy.requests = trio.Event(), trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.execute, ("ECHO", f"cancelled {number}"))
                await proxy.requests.wait()
                nursery.cancel_scope.cancel()
            proxy.held.set()
            assert await link.execute(("ECHO", number)) == [str(number).encode()]
        await link.aclose()


async def test_a_call_in_a_scope_that_is_already_cancelled_leaves_the_link_in_step(link: ServerLink) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await link.execute(("ECHO", "cancelled"))
    assert scope.cancelled_caught
    assert await link.execute(("ECHO", "next")) == [b"next"]


async def test_a_lost_reply_is_unavailable_and_the_link_recovers(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with lossy_proxy(tmp_path / "p.sock", redis_server.socket_path) as proxy:
        link = ServerLink(RedisLocation(path=str(proxy.path)), Timeouts(), "test-lost")
        await link.execute(("PING",))
        proxy.lose = 0
        with pytest.raises(StoreUnavailable):
            await link.execute(("INCR", "n"))
        with trio.fail_after(5):
            await link.wait_up()
        assert await link.execute(("GET", "n")) == [b"1"], "run once, and never again by the link itself"
        await link.aclose()


async def test_a_server_that_restarts_while_the_link_idles_is_not_noticed(own_server: RedisServer) -> None:
    link = ServerLink(RedisLocation.parse(own_server.url), Timeouts(), "test-idle")
    await link.execute(("PING",))
    own_server.kill()
    own_server.start()
    assert await link.execute(("ECHO", "x")) == [b"x"]
    assert not link.is_down
    await link.aclose()


async def test_a_killed_server_is_down_until_it_is_started_again(own_server: RedisServer) -> None:
    link = ServerLink(RedisLocation.parse(own_server.url), Timeouts(), "test-kill")
    await link.execute(("PING",))
    own_server.kill()
    with pytest.raises(NotSent):
        await link.execute(("PING",))
    with trio.fail_after(5):
        await link.wait_down()
    assert link.is_down
    with pytest.raises(NotSent):
        await link.execute(("PING",))
    own_server.start()
    with trio.fail_after(5):
        await link.wait_up()
    assert not link.is_down
    assert await link.execute(("ECHO", "x")) == [b"x"]
    await link.aclose()


async def test_a_paused_server_ends_the_wait_by_the_reply_timeout(own_server: RedisServer) -> None:
    link = ServerLink(RedisLocation.parse(own_server.url), Timeouts(reply_s=0.05), "test-pause")
    await link.execute(("PING",))
    own_server.pause()
    with pytest.raises(StoreUnavailable):
        await link.execute(("PING",))
    own_server.resume()
    with trio.fail_after(5):
        await link.wait_up()
        assert await link.execute(("ECHO", "x")) == [b"x"]
    await link.aclose()


async def test_a_reply_that_is_late_because_the_loop_was_held_is_waited_for_again(
    own_server: RedisServer,
) -> None:
    reply_s = 0.4
    link = ServerLink(RedisLocation.parse(own_server.url), Timeouts(reply_s=reply_s), "test-held")
    await link.execute(("PING",))
    own_server.pause()
    replies: list[object] = []

    async def ask() -> None:
        replies.extend(await link.execute(("ECHO", "x")))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        # This loop does not turn until the limit is over, and does then, before the server answers.
        assert not select.select([link._wire._socket], [], [], 2 * reply_s)[0]  # type: ignore[union-attr]
        await trio.testing.wait_all_tasks_blocked()
        own_server.resume()
    assert replies == [b"x"]
    await link.aclose()


async def test_closing_interrupts_a_blocking_read(redis_server: RedisServer) -> None:
    link = ServerLink(RedisLocation.parse(redis_server.url), Timeouts(reply_s=60), "test-close")
    await link.execute(("PING",))

    async def read() -> None:
        with pytest.raises(StoreUnavailable):
            await link.execute(("XREAD", "BLOCK", 60_000, "STREAMS", "nothing", "$"))

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            await link.aclose()
    with pytest.raises(StoreUnavailable):
        await link.execute(("PING",))


async def test_a_link_that_was_never_used_closes_at_once() -> None:
    link = ServerLink(RedisLocation(path="/nowhere"), Timeouts(), "test-unused")
    await link.aclose()
    await link.aclose()


async def test_a_process_without_descriptors_does_not_blame_the_server(redis_server: RedisServer) -> None:
    link = ServerLink(RedisLocation.parse(redis_server.url), Timeouts(), "test-starved")
    with no_descriptor_left():
        with pytest.raises(NoDescriptor):
            await link.execute(("PING",))
        assert (link.is_down, link.is_starved) == (True, True)
    await link.wait_up()
    assert (link.is_down, link.is_starved) == (False, False)
    await link.aclose()


async def test_a_dead_server_is_no_want_of_descriptors(tmp_path: Path) -> None:
    link = ServerLink(RedisLocation(path=str(tmp_path / "nobody.sock")), Timeouts(), "test-dead")
    with pytest.raises(NotSent) as caught:
        await link.execute(("PING",))
    assert not isinstance(caught.value, NoDescriptor)
    assert (link.is_down, link.is_starved) == (True, False)
    await link.aclose()


async def test_a_reply_that_nobody_has_read_yet_is_an_answer(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was paused, or has too much to do, finds the reply waiting: the server was there all the time."""
    link = ServerLink(RedisLocation.parse(own_server.url), Timeouts(reply_s=30), "test-busy")
    await link.execute(("PING",))
    monkeypatch.setattr("mix2api.store.redis.server_link._STALL_MS", 0)
    own_server.pause()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.execute, ("PING",))
        await trio.testing.wait_all_tasks_blocked()
        while not link.is_down:
            await trio.lowlevel.checkpoint()
        own_server.resume()
        # This loop does not turn from here on, and the reply lies in the socket, unread.
        assert select.select([link._wire._socket], [], [], 30)[0]  # type: ignore[union-attr]
        assert not link.is_down
    await link.aclose()
