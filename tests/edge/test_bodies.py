import math

import pytest
import trio
import trio.testing
from attrs import define, field

from mix2api.edge.bodies import DRAIN_BYTES, RequestBody
from mix2api.edge.request_head import NotHttp
from mix2api.errors import BodyTooLarge, RequestTimeout


@define
class Sent:
    """What a client sends, piece by piece; after the last piece nothing comes."""

    pieces: list[bytes]
    ahead: bytes = b""
    back: bytes = b""
    read: list[bytes] = field(factory=list)

    def take_ahead(self) -> bytes:
        ahead, self.ahead = self.ahead, b""
        return ahead

    async def receive(self) -> bytes:
        if not self.pieces:
            await trio.sleep(math.inf)
        await trio.lowlevel.checkpoint()
        self.read.append(self.pieces.pop(0))
        return self.read[-1]

    def unread(self, data: bytes) -> None:
        self.back = data


def body(length: int | None, sent: Sent, limit: int = 10) -> RequestBody:
    return RequestBody(length, limit, sent)


async def test_pieces_are_put_together_once_all_are_there() -> None:
    sent = Sent([b"b", b"cdGET"], ahead=b"a")
    asked = body(4, sent)
    assert await asked.read(timeout_s=5) == b"abcd"
    assert (asked.received, asked.is_whole, sent.back) == (4, True, b"GET")


async def test_a_body_that_came_with_its_head_is_read_without_waiting() -> None:
    sent = Sent([], ahead=b"2\r\nab\r\n0\r\n\r\nGET")
    with trio.fail_after(0):
        assert await body(None, sent).read(timeout_s=0) == b"ab"
    assert sent.back == b"GET"


async def test_a_request_without_a_body_has_an_empty_one_and_takes_nothing_of_the_next() -> None:
    sent = Sent([], ahead=b"GET")
    assert await body(0, sent).read(timeout_s=0) == b""
    assert sent.back == b"GET"


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes() -> None:
    sent = Sent([b"x"])
    with pytest.raises(BodyTooLarge):
        await body(11, sent).read(timeout_s=5)
    assert sent.read == []


async def test_a_body_that_turns_out_too_large_is_refused_at_once() -> None:
    sent = Sent([b"10\r\n" + b"x" * 16, b"never read"])
    asked = body(None, sent)
    with pytest.raises(BodyTooLarge):
        await asked.read(timeout_s=5)
    assert (asked.received, sent.pieces) == (16, [b"never read"])


async def test_a_body_that_stops_half_way_is_given_up(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    with pytest.raises(RequestTimeout):
        await body(5, Sent([b"ab"])).read(timeout_s=60)
    assert trio.current_time() == pytest.approx(60)


async def test_a_body_that_is_not_framed_as_its_head_says_is_refused() -> None:
    with pytest.raises(NotHttp):
        await body(None, Sent([b"zz\r\n"])).read(timeout_s=5)
    with pytest.raises(NotHttp):
        await body(None, Sent([b"zz\r\n"])).drain(5)


async def test_draining_ends_with_the_body_and_leaves_the_next_request() -> None:
    sent = Sent([b"bcGET"], ahead=b"a")
    asked = body(3, sent)
    await asked.drain(5)
    assert (asked.received, asked.is_whole, sent.back) == (3, True, b"GET")
    await asked.drain(5)
    assert sent.back == b"GET"


async def test_draining_ends_at_its_bound() -> None:
    piece = b"x" * (DRAIN_BYTES // 4)
    asked = body(DRAIN_BYTES * 2, sent := Sent([piece] * 6))
    await asked.drain(5)
    assert (len(sent.pieces), asked.is_whole) == (1, False)


async def test_draining_does_not_wait_for_ever(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    await body(5, Sent([])).drain(5)
    assert trio.current_time() == pytest.approx(5)
