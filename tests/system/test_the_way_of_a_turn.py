"""How much of this code one turn passes: files and calls of one continued, streamed turn of 16 deltas, over the whole system.

A bound is a literal that is only ever lowered. Counted with `sys.setprofile`: the first entry into every function,
coroutine and generator of `mix2api`, in the tasks that carry a turn (`docs/request.md`); its demo site is not counted. Timers
have tasks of their own: heartbeats, leases and time-outs run beside a turn, and a busy machine has more of them. For the same
reason the turn with the fewest calls counts, of each function.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from operator import and_
from pathlib import Path
from types import FrameType

import trio.testing
from attrs import define, field
from redis_server import RedisServer
from whole_system import Shape, whole_system

import mix2api

FILES_MAX = 112
CALLS_MAX = 1100

_ROOT = str(Path(mix2api.__file__).parent)
_DEMO = f"{_ROOT}/demo/"
_SUSPENDABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_FIRST_INSTRUCTIONS = 4
"""Up to this instruction a frame that can be suspended has just been entered; later it is gone on with."""
_CARRIERS = frozenset({"Acceptor.run", "Acceptor._handle", "Worker._serve", "ServerLink._serve"})
"""The tasks of the connection and of the session, and those that make the first and bring Redis's replies to both."""
_SETTINGS = {"MIX2API_LEASE_S": "60", "MIX2API_RECEIPT_WINDOW_MS": "1000"}
"""Receipts wait as they do in a process as it ships."""
_TURNS = 24
_NOT_COUNTED = 2
"""Turns before the counted ones: connections and caches are made in them."""


@define
class Way:
    """The functions that one turn passed, each with its file and its calls."""

    calls: Counter[tuple[str, str]] = field(factory=Counter)

    @property
    def files(self) -> Counter[str]:
        """The calls in each file."""
        files: Counter[str] = Counter()
        for (name, _), count in self.calls.items():
            files[name] += count
        return files

    def see(self, frame: FrameType, event: str, _argument: object) -> None:
        """For `sys.setprofile`."""
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(_ROOT) or code.co_filename.startswith(_DEMO):
            return
        if not code.co_flags & _SUSPENDABLE or frame.f_lasti <= _FIRST_INSTRUCTIONS:
            carrier = trio.lowlevel.current_task().coro
            if carrier.cr_code.co_qualname in _CARRIERS:
                self.calls[code.co_filename.removeprefix(f"{_ROOT}/"), code.co_qualname] += 1

    def __str__(self) -> str:
        return " ".join(f"{name}={count}" for name, count in self.files.most_common())


@contextmanager
def traced() -> Iterator[Way]:
    """Counts within the block."""
    way = Way()
    before = sys.getprofile()
    sys.setprofile(way.see)
    try:
        yield way
    finally:
        sys.setprofile(before)


async def test_a_continued_turn_of_16_deltas_passes_few_files_and_few_calls(
    redis_server: RedisServer,
) -> None:
    ways: list[Way] = []
    async with whole_system(Shape.SERVE, redis_server.url, **_SETTINGS) as system:
        history = [{"role": "user", "content": "one [[chunks:16]] [[pace:1]]"}]
        for turn in range(_TURNS):
            with traced() as way:  # before it is sent: its server may read it at once
                async with system.client.asking("", messages=history, stream=True) as conversation:
                    answer = await conversation.answer()
                await trio.testing.wait_all_tasks_blocked(0.005)  # its receipt is on its way
            assert len(list(answer.choices())) == 18
            if turn:
                assert answer.headers["x-mix2api-session"].startswith("continued")
            if turn >= _NOT_COUNTED:
                ways.append(way)
            history.append({"role": "assistant", "content": answer.text()})
            history.append({"role": "user", "content": f"and {turn} [[chunks:16]] [[pace:1]]"})
    shortest = Way(reduce(and_, [way.calls for way in ways]))
    assert {"edge/chat.py", "wire/chat_request.py"} <= shortest.files.keys()
    assert len(shortest.files) <= FILES_MAX, str(shortest)
    assert shortest.calls.total() <= CALLS_MAX, str(shortest)
