"""Which word a refusal is told by, and when it changes."""

import pytest
import trio
import trio.testing
from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.store.willingness import Unwilling, Willingness, unwilling


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), Unwilling.OOM),
        (ReadOnlyError("You can't write against a read only replica."), Unwilling.READONLY),
        (BusyLoadingError("Redis is loading the dataset in memory"), Unwilling.LOADING),
        (
            ResponseError("Error running script (call to f_1): @user_script:6: -OOM command not allowed"),
            Unwilling.OOM,
        ),
        (ResponseError("MISCONF Redis is configured to save RDB snapshots"), Unwilling.MISCONF),
        (ResponseError("ERR unknown command"), None),
        (ResponseError("WRONGTYPE Operation against a key"), None),
        (ValueError("OOM "), None),
    ],
)
def test_a_refusal_has_the_word_of_the_server_s_state(fault: Exception, word: Unwilling | None) -> None:
    assert unwilling(fault) is word
    wrapped = StoreUnavailable()
    wrapped.__cause__ = fault
    assert unwilling(wrapped) is word


async def test_each_part_tells_of_its_own_writes() -> None:
    willingness = Willingness()
    willingness.taken("log")
    willingness.refused("log", Unwilling.NOPERM)
    willingness.refused("heartbeat", Unwilling.OOM)
    assert willingness.word is Unwilling.NOPERM
    willingness.taken("log")
    assert willingness.word is Unwilling.OOM
    willingness.taken("heartbeat")
    assert willingness.word is None


async def test_who_waits_hears_of_other_words_only() -> None:
    willingness = Willingness()
    heard: list[Unwilling | None] = []

    async def listen() -> None:
        word = None
        while True:
            word = await willingness.wait_other(word)
            heard.append(word)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        for _ in range(2):
            willingness.refused("log", Unwilling.OOM)
            await trio.testing.wait_all_tasks_blocked()
        willingness.taken("log")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert heard == [Unwilling.OOM, None]
