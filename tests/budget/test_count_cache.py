"""Counts are remembered by digest, the ones in use longest."""

import histories
import pytest

from mix2api.budget.count_cache import CountCache, message_digests
from mix2api.wire.turn import Message


def message_digest(message: Message, counter: str) -> int:
    [digest] = message_digests([message], counter)
    return digest


def test_what_was_kept_is_found() -> None:
    cache = CountCache()
    assert cache.get(1) is None
    cache.keep(1, 0)
    assert cache.get(1) == 0
    assert (cache.hits, cache.misses, len(cache)) == (1, 1, 1)


def test_the_entry_that_was_not_asked_for_longest_goes() -> None:
    cache = CountCache(entries=2)
    cache.keep(1, 1)
    cache.keep(2, 2)
    assert cache.get(1) == 1
    cache.keep(3, 3)
    assert [cache.get(each) for each in (1, 2, 3)] == [1, None, 3]
    cache.keep(1, 4)
    assert len(cache) == 2


def test_all_that_is_counted_is_in_a_digest() -> None:
    call = histories.call()
    others = histories.messages(
        histories.user("a"),
        histories.user("b"),
        {**histories.user("a"), "name": "n"},
        histories.answer("a", tool_calls=[call]),
        histories.answer("a", function_call={"name": "f", "arguments": "{}"}),
        histories.answer("a", refusal="no"),
        histories.result("a"),
        histories.result("a", "call_1"),
        histories.user([{"type": "text", "text": "a"}]),
    )
    assert len({message_digest(each, "x") for each in others}) == len(others)
    assert message_digest(others[0], "x") != message_digest(others[0], "y")
    assert message_digest(others[0], "x") == message_digest(Message(role="user", content="a"), "x")
    (said,) = histories.messages(histories.answer("a"))
    assert message_digest(others[0], "x") == message_digest(said, "x"), "every role counts as one"


@pytest.mark.parametrize("name", [None, "ann"], ids=["its text alone", "with a name"])
def test_half_a_surrogate_pair_has_a_digest(name: str | None) -> None:
    one, other = (Message(role="user", name=name, content=text) for text in ("\ud800", "\ud801"))
    assert message_digest(one, "x") != message_digest(other, "x")
