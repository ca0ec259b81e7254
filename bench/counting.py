"""What counting costs: time for new and known histories, for hostile texts, and the delay that other tasks see meanwhile.

    python bench/counting.py [--rounds N]

Delays are those of a task that wants to run every millisecond, as a stream's chunks do. They are measured without and with
counting, in turn, because a busy machine delays tasks by itself. Nothing is written; the table goes to the screen.
"""

import argparse
import random
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from mix2api.budget.encodings import EncodingName
from mix2api.budget.message_tokens import MessageCounter
from mix2api.counting.service import Counted, CountingService
from mix2api.counting.shipped import load_tokenizer
from mix2api.wire.turn import Message

HISTORY_CHARS = 400_000
MESSAGES = 200
TICK_S = 0.001
SOURCES = sorted((Path(__file__).parent.parent / "mix2api").rglob("*.py"))
HOSTILE = {
    "one letter": "a" * 1_000_000,
    "spaces": " " * 1_000_000,
    "tabs": "\t" * 1_000_000,
    "one emoji": "😀" * 250_000,
    "four emoji": "😀👍🎉🚀" * 62_500,
    "spaces and tabs": " \t" * 500_000,
    "two letters": "ab" * 500_000,
}


def history(seed: int) -> list[Message]:
    """New text: pieces of our own sources, none like another history's."""
    drawn = random.Random(seed)  # noqa: S311 - the same texts in every run
    text = "".join(path.read_text() for path in SOURCES)
    length = HISTORY_CHARS // MESSAGES
    starts = [drawn.randrange(len(text) - length) for _ in range(MESSAGES)]
    return [
        Message(role="user", content=f"{drawn.random()} {text[start : start + length]}") for start in starts
    ]


async def delayed(work: Callable[[], Awaitable[Counted | None]]) -> tuple[float, list[float]]:
    """The seconds that the work took, and by how much each tick meanwhile came late."""
    delays: list[float] = []

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await trio.sleep(TICK_S)
            delays.append(time.perf_counter() - before - TICK_S)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        await trio.sleep(20 * TICK_S)
        delays.clear()
        began = time.perf_counter()
        await work()
        took = time.perf_counter() - began
        nursery.cancel_scope.cancel()
    return took, delays


def shown(name: str, took: list[float], delays: list[float]) -> str:
    """One row: best and middle time, middle, 99th percentile and longest delay, all in milliseconds."""
    late = sorted(delays) or [0.0]
    figures = (
        min(took),
        sorted(took)[len(took) // 2],
        late[len(late) // 2],
        late[len(late) * 99 // 100],
        late[-1],
    )
    return f"{name:<28}" + "".join(f"{figure * 1000:>10.2f}" for figure in figures)


async def measure(rounds: int) -> None:
    """Prints all rows."""
    began = time.perf_counter()
    counter = MessageCounter(load_tokenizer(EncodingName.O200K_BASE))
    print(f"loading o200k_base: {time.perf_counter() - began:.2f} s")
    print(f"{'milliseconds':<28}{'best':>10}{'middle':>10}{'delay':>10}{'p99':>10}{'longest':>10}")
    rows: dict[str, tuple[list[float], list[float]]] = {}

    async def idle() -> None:
        await trio.sleep(0.2)

    async def row(name: str, work: Callable[[], Awaitable[Counted | None]]) -> None:
        took, delays = await delayed(work)
        times, late = rows.setdefault(name, ([], []))
        times.append(took)
        late += delays

    for place in range(rounds):
        service, messages = CountingService(), history(place)
        await row("nothing", idle)
        await row("400 kB, new", partial(service.history, messages, counter))
        await row("400 kB, known", partial(service.history, messages, counter))
        for name, text in HOSTILE.items():
            await row(
                f"1 MB, {name}", partial(service.history, [Message(role="user", content=text)], counter)
            )
    for name, (took, delays) in rows.items():
        print(shown(name, took, delays))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    sys.exit(trio.run(measure, parser.parse_args().rounds))
