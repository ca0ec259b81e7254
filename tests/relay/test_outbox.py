"""Mail is posted in order, all that is pending at once, and waits for a store that is away."""

import pytest
import trio
import trio.testing
from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.relay.messages import HeadersLeft, Mail, decode_mail
from mix2api.relay.outbox import Outbox
from mix2api.vocabulary import ProcessId

A, B = ProcessId("p_a"), ProcessId("p_b")


@define(eq=False)
class Postman:
    """Keeps what was posted. While `away`, nothing can be; `forgets` loses the reply once it was.

    The mail of `unreachable` cannot be posted, such as where its master in a Redis Cluster is away.
    """

    posts: list[tuple[ProcessId, list[Mail]]] = field(factory=list)
    away: bool = False
    unreachable: ProcessId | None = None
    forgets: bool = False

    async def mail(self, process: ProcessId, *payloads: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.away or process == self.unreachable:
            raise StoreUnavailable
        self.posts.append((process, [decode_mail(payload) for payload in payloads]))
        if self.forgets:
            self.forgets = False
            raise StoreUnavailable


def note(number: int) -> HeadersLeft:
    return HeadersLeft(f"run_{number}")


def numbers(postman: Postman, process: ProcessId) -> list[int]:
    mails = [mail for to, posted in postman.posts for mail in posted if to == process]
    return [int(mail.run_id[4:]) for mail in mails if isinstance(mail, HeadersLeft)]


async def test_what_is_pending_goes_out_at_once_and_in_order() -> None:
    postman = Postman()
    outbox = Outbox(postman)
    for number in range(3):
        outbox.put(A, note(number))
        outbox.put(B, note(number))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        await outbox.wait_sent()
        nursery.cancel_scope.cancel()
    assert [process for process, _ in postman.posts] == [A, B]
    assert numbers(postman, A) == numbers(postman, B) == [0, 1, 2]


async def test_what_comes_soon_after_a_post_leaves_with_what_comes_soon_after_it() -> None:
    postman = Postman()
    outbox = Outbox(postman, spacing_s=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        began = trio.current_time()
        for number in range(4):
            outbox.put(A, note(number))
            await trio.sleep(0.1)
        await outbox.wait_sent()
        assert trio.current_time() == pytest.approx(began + 1)
        nursery.cancel_scope.cancel()
    assert [len(posted) for _, posted in postman.posts] == [1, 3]
    assert numbers(postman, A) == [0, 1, 2, 3]


async def test_what_may_wait_leaves_with_the_next_message_or_soon_by_itself() -> None:
    postman = Postman()
    outbox = Outbox(postman)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(A, note(0), may_wait=True)
        await trio.testing.wait_all_tasks_blocked()
        assert postman.posts == []
        outbox.put(A, note(1))
        await outbox.wait_sent()
        outbox.put(A, note(2), may_wait=True)
        await outbox.wait_sent()
        nursery.cancel_scope.cancel()
    assert [len(posted) for _, posted in postman.posts] == [2, 1]


async def test_nothing_to_send_is_sent_already() -> None:
    await Outbox(Postman()).wait_sent()


async def test_mail_waits_for_a_store_that_is_away_and_keeps_its_order() -> None:
    postman = Postman(away=True)
    outbox = Outbox(postman)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(A, note(0))
        await trio.testing.wait_all_tasks_blocked()
        outbox.put(A, note(1))
        await trio.sleep(3)
        assert postman.posts == []
        postman.away = False
        outbox.put(A, note(2))
        await outbox.wait_sent()
        nursery.cancel_scope.cancel()
    assert numbers(postman, A) == [0, 1, 2]
    assert outbox.dropped == 0


async def test_mail_of_one_process_is_posted_while_that_of_another_waits() -> None:
    postman = Postman(unreachable=A)
    outbox = Outbox(postman, spacing_s=0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(A, note(0))
        began = trio.current_time()
        for number in range(3):
            outbox.put(B, note(number))
            await trio.testing.wait_all_tasks_blocked()
        assert numbers(postman, B) == [0, 1, 2]
        assert trio.current_time() == began, "nothing waited for the other's next attempt"
        outbox.put(A, note(1))
        postman.unreachable = None
        await outbox.wait_sent()
        nursery.cancel_scope.cancel()
    assert numbers(postman, A) == [0, 1]


async def test_what_may_have_arrived_is_sent_again() -> None:
    postman = Postman(forgets=True)
    outbox = Outbox(postman)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(A, note(0))
        await outbox.wait_sent()
        nursery.cancel_scope.cancel()
    assert numbers(postman, A) == [0, 0]


async def test_more_than_can_wait_is_dropped_and_counted() -> None:
    outbox = Outbox(Postman(away=True))
    for number in range(20_002):
        outbox.put(A, note(number))
    assert outbox.dropped == 2
