"""What a process keeps of thousands of requests: measured on a real `serve`. `make memory` runs it; sizes by environment.

The bounds hold for any sizes. The names and their defaults:

    MEMORY_REQUESTS   5000   requests of 2 MB in the long burst; the short one has a fifth
    MEMORY_WAIT_S       60   seconds between the last request and the look into the memory
    MEMORY_SOAK_MIN     11   minutes of mixed requests
    MEMORY_TOKENIZER estimate   how the burst is counted; `tiktoken` takes 0.3 s of CPU more for each request
"""

import os
import statistics
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import count, cycle
from pathlib import Path

import pytest
import trio
from redis_server import RedisServer
from soak.memory_trial import Plant, Trial, kept_alive, long_prompts, trial
from whole_system import Shape, until

pytestmark = pytest.mark.memory

_REQUESTS = int(os.environ.get("MEMORY_REQUESTS", "5000"))
_WAIT_S = float(os.environ.get("MEMORY_WAIT_S", "60"))
_SOAK_MIN = int(os.environ.get("MEMORY_SOAK_MIN", "11"))
_TOKENIZER = os.environ.get("MEMORY_TOKENIZER", "estimate")
_SIZE_BYTES = 2_000_000
_ABOVE_IDLE_MB = 120
_APART_MB = 10
_SETTLE_S = 12.0
"""After a burst: two looks of the process at its own size (`mix2api.process.heap`)."""
_GROWTH = 0.03
_ENDINGS = (
    "",
    "[[json:whole]]",
    "[[reasoning:aloud]]",
    "[[unicode]]",
    "[[cut]]",
    "[[status:500]]",
    "[[error_mid]]",
    '[[tools:weather{"city":"Oslo"}]]',
    "[[length]]",
    "[[bad_json]]",
)
"""Directives of the demo site: good endings and broken ones."""
_FILLINGS = (0, 500, 5_000, 50_000, 500_000)
"""Characters in a planted prompt beside the planted words."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_a_long_burst_of_large_requests_leaves_no_more_than_a_short_one(server: RedisServer) -> None:
    async with trial(server, MIX2API_TOKENIZER=_TOKENIZER) as tried:
        await trio.sleep(_SETTLE_S)
        idle = tried.resident_mb()
        after_short = await _left_by(tried, _REQUESTS // 5)
        after_long = await _left_by(tried, _REQUESTS - _REQUESTS // 5)
        _report(
            f"idle {idle:.0f} MB, after {_REQUESTS // 5}: {after_short:.0f}, after {_REQUESTS}: {after_long:.0f}"
        )
        assert after_long <= idle + _ABOVE_IDLE_MB
        assert abs(after_long - after_short) <= _APART_MB


async def _left_by(tried: Trial, requests: int) -> float:
    await tried.put(long_prompts(requests, _SIZE_BYTES))
    _report(f"{requests} requests of 2 MB: {tried.resident_mb():.0f} MB at once")
    await trio.sleep(_SETTLE_S)
    return tried.resident_mb()


@pytest.mark.parametrize("shape", Shape)
async def test_no_prompt_answer_or_credential_is_in_the_memory_afterwards(
    shape: Shape, server: RedisServer
) -> None:
    """Under `PYTHONMALLOC=debug`, which overwrites freed blocks: what is found is still held by somebody."""
    overwriting = {"PYTHONMALLOC": "debug", "UPSTREAM_AUTH_MODE": "pass_through"}
    async with trial(server, shape, **overwriting) as tried:
        plants = [Plant(ending, size) for ending in _ENDINGS for size in _FILLINGS]
        async with kept_alive(tried.client) as one, kept_alive(tried.client) as other:
            for number, plant in enumerate(plants):
                ask = one if number % 2 else other
                await ask(plant, stream=number % 4 < 2)
            control = Plant("[[chunks:100000]] [[pace:100]]")
            body, headers = control.body(stream=True), control.headers
            async with tried.client.request("POST", "/v1/chat/completions", body, headers) as asked:
                await asked.head()
                await asked.read_until(lambda body: b"-00003" in body)
                # The cookie went with the request's head.
                assert tried.found_of([control]) == {"prompt": 1, "answer": 1, "authorization": 1}
            unread = Plant("")
            async with await trio.open_tcp_stream("127.0.0.1", tried.client.port) as connection:
                await connection.send_all(unread.head())
                await until(partial(_is_found, tried, unread))
            await trio.sleep(_WAIT_S)
            left = tried.found_of([*plants, control, unread])
        _report(f"{len(plants)} planted requests, {_WAIT_S:.0f} s later: {dict(left)} left")
        assert left == Counter()


async def _is_found(tried: Trial, unread: Plant) -> bool:
    return tried.found_of([unread]) == {"cookie": 1, "authorization": 1}


async def test_a_process_that_serves_for_minutes_does_not_grow(server: RedisServer) -> None:
    minutes: list[float] = []
    answered = [0]
    async with trial(server) as tried, trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(_mixed_requests, tried, answered)
        for minute in range(1, _SOAK_MIN + 1):
            samples = []
            for _ in range(60):
                await trio.sleep(1)
                samples.append(tried.resident_mb())
            minutes.append(statistics.median(samples))
            _report(f"minute {minute}: {minutes[-1]:.1f} MB, {answered[-1]} requests")
            answered.append(0)
        nursery.cancel_scope.cancel()
    assert min(answered[:-1]) > 0
    settled = minutes[min(2, len(minutes) - 1)]
    assert abs(minutes[-1] - settled) <= _GROWTH * settled


async def _mixed_requests(tried: Trial, answered: list[int]) -> None:
    """Good and broken endings, streamed or not, on new and on kept connections; some clients leave in the middle.

    Args:
        tried: the processes.
        answered: counts requests in its last number.
    """
    async with kept_alive(tried.client) as ask:
        for number, ending in zip(count(), cycle(_ENDINGS), strict=False):
            if number % 10 == 0:
                prompt = f"{number} [[chunks:1000]] [[pace:10]]"
                async with tried.client.asking(prompt, stream=True) as asked:
                    await asked.head()
                    await asked.read_until(lambda body: b"-00003" in body)
            elif number % 10 < 4:
                await tried.client.ask(f"{number} {ending}", stream=number % 2 == 0)
            else:
                await ask(Plant(ending), stream=number % 2 == 0)
            answered[-1] += 1
            await trio.sleep(0.02)


def _report(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - shown by `make memory`
