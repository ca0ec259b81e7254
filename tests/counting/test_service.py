"""Histories are counted off the loop, and what was counted before is not counted again."""

import threading

import pytest
import trio
from attrs import define, field
from counted import CountedSteps
from vocabularies import exact

from mix2api.budget.message_tokens import MessageCounter
from mix2api.counting.service import Counted, CountingService
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall


@define(eq=False)
class Watched:
    """Counts characters, and notes what it counted and in which thread."""

    name: str = "watched"
    texts: list[str] = field(factory=list)
    threads: set[int] = field(factory=set)

    def count(self, text: str) -> int:
        self.texts.append(text)
        self.threads.add(threading.get_ident())
        return len(text)


def said(*texts: str) -> list[Message]:
    return [Message(role="user", content=text) for text in texts]


async def test_each_message_is_counted_once_and_in_a_thread() -> None:
    tokenizer = Watched()
    service, counter = CountingService(), MessageCounter(tokenizer)
    long, longer, longest = "a" * 3001, "b" * 3002, "c" * 3003
    assert await service.history(said(long, longer), counter) == Counted((3005, 3006), fresh=2)
    assert await service.history(said(long, longer, longest), counter) == Counted((3005, 3006, 3007), fresh=1)
    assert (await service.history(said(long, longer, longest), counter)).total == 9018
    assert tokenizer.texts == [long, longer, longest]
    assert threading.get_ident() not in tokenizer.threads


async def test_a_few_short_messages_are_counted_once_and_without_a_thread() -> None:
    tokenizer = Watched()
    service, counter = CountingService(), MessageCounter(tokenizer)
    assert await service.history(said("a", "bb"), counter) == Counted((5, 6), fresh=2)
    assert await service.history(said("a", "bb", "ccc"), counter) == Counted((5, 6, 7), fresh=1)
    assert tokenizer.texts == ["a", "bb", "ccc"]
    assert tokenizer.threads == {threading.get_ident()}


async def test_a_large_history_is_known_again_too() -> None:
    tokenizer = Watched()
    service, counter = CountingService(), MessageCounter(tokenizer)
    call = MessageToolCall(id="c", function=FunctionCall(name="f"))
    for messages in (
        said("x" * 20_000),
        said("y" * 1_048_576),
        said(*"abc" * 500),
        [Message(role="assistant", tool_calls=[call])],
        [Message(role="assistant", tool_calls=[MessageToolCall(id="d", custom={"name": "f"})])],
        [Message(role="user", content=[{"type": "text", "text": "in parts"}])],
    ):
        first = await service.history(messages, counter)
        counted = len(tokenizer.texts)
        again = await service.history(messages, counter)
        assert (again.tokens, again.fresh) == (first.tokens, 0)
        assert len(tokenizer.texts) == counted


async def test_another_way_of_counting_counts_anew() -> None:
    service = CountingService()
    await service.history(said("a"), MessageCounter(Watched()))
    assert (await service.history(said("a"), MessageCounter(exact()))).fresh == 1


@pytest.mark.parametrize("texts", [["a"], [f"{place} {'word ' * 400}" for place in range(200)]])
async def test_a_known_history_of_a_long_conversation_needs_no_thread(texts: list[str]) -> None:
    service, counter = CountingService(), MessageCounter(Watched())
    call = MessageToolCall(id="c", function=FunctionCall(name="f", arguments="{}"))
    messages = [*said(*texts), Message(role="assistant", tool_calls=[call])]
    counted = await service.history(messages, counter)
    with trio.CancelScope() as scope:
        scope.cancel()  # a thread could not be waited for any more
        assert await service.history(messages, counter) == Counted(counted.tokens)
    assert not scope.cancelled_caught


async def test_one_text_is_counted_at_a_time() -> None:
    at_once: list[int] = []
    service = CountingService()
    running, lock = [0], threading.Lock()

    def work() -> None:
        with lock:
            running[0] += 1
            at_once.append(running[0])
        with lock:
            running[0] -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(service.off_loop, work)
    assert at_once == [1] * 8


async def test_whoever_is_cancelled_does_not_wait_for_the_count() -> None:
    service = CountingService()
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(30)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.off_loop, work)
        await trio.to_thread.run_sync(begun.wait, limiter=trio.CapacityLimiter(1))
        nursery.cancel_scope.cancel()
    assert nursery.cancel_scope.cancelled_caught
    go_on.set()


def test_counting_a_large_history_takes_short_steps_on_the_loop() -> None:
    steps = CountedSteps()
    service, counter = CountingService(), MessageCounter(Watched())
    messages = said(*(f"{place} " * 50 for place in range(5000)))

    async def count_twice() -> None:
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(service.history, messages, counter)

    trio.run(count_twice, instruments=[steps])
    assert len(service.cache) == 5000
    assert 0 < steps.longest <= 60_000
