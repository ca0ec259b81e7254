"""The openai SDK at work on a deployment under faults: streams, whole answers and loops of tools, each client in a thread."""

from functools import partial
from random import Random
from typing import Final

import trio
from attrs import define, field, frozen
from sdk_client import Fault, Round, SdkClient, Seen
from truth.deployment import Deployment, Life

_SOON_S: Final = 5.0
"""A cut is noticed by a client before the end of the process is by us, or after the SDK's own retries."""
_NAMES: Final = ("look", "fetch")


@frozen
class Witnessed:
    """An answer, and the life that gave it, until when."""

    seen: Seen
    life: Life
    ended_at: float

    @property
    def wrong(self) -> str:
        """What is wrong with it; a connection may only be cut by the death of its edge."""
        if self.seen.fault is not Fault.CUT or self.seen.wrong:
            return self.seen.wrong
        died_at = self.life.died_at
        if died_at is not None and died_at <= self.ended_at + _SOON_S:
            return ""
        return f"cut by an edge that lives: {self.seen.said} after {self.seen.text!r}"


@define(eq=False)
class SdkCrowd:
    """All clients.

    Args:
        deployment: whom they ask.
        random: from the test's seed.
    """

    deployment: Deployment
    random: Random
    witnessed: list[Witnessed] = field(factory=list)
    loops: list[bool] = field(factory=list)
    """Whether each was run to its end."""
    _asked: int = 0
    _over: bool = False

    def finish(self) -> None:
        """Who has its answer asks no more."""
        self._over = True

    async def be_many(self, clients: int) -> None:
        """So many clients at once, until `finish` was called and all are answered."""
        limiter = trio.CapacityLimiter(clients)
        async with trio.open_nursery() as nursery:
            for _ in range(clients):
                nursery.start_soon(self._ask_again_and_again, limiter)

    async def _ask_again_and_again(self, limiter: trio.CapacityLimiter) -> None:
        while not self._over:
            with SdkClient(self._port(), self._port) as client:
                await trio.to_thread.run_sync(self._work(client), limiter=limiter)
            ended_at, lives = trio.current_time(), self._lives()
            self.witnessed += [Witnessed(seen, lives[seen.port], ended_at) for seen in client.seen]
            await trio.sleep(self.random.uniform(0, 0.2))

    def _port(self) -> int:
        """Of any edge, just started or just killed."""
        port = self.random.choice(self.deployment.edges()).life.port
        assert port is not None
        return port

    def _lives(self) -> dict[int, Life]:
        """By the port of their edge; the latest, should two have had the same one."""
        lives = [life for seat in self.deployment.edges() for life in seat.lives]
        return {life.port: life for life in lives if life.port is not None}

    def _work(self, client: SdkClient) -> "partial[object]":
        """What a client does in its thread; drawn here, so that a seed says it."""
        self._asked += 1
        stream, pace = self.random.random() < 0.8, self.random.choice((0, 5, 20, 50))
        words = f"{self._asked} [[pace:{pace}]][[size:9]]"
        if self.random.random() < 0.4:
            rounds = [self._round() for _ in range(self.random.randint(1, 4))]
            return partial(self._loop, client, words, rounds, stream=stream)
        said = " ".join(f"{self._asked}.{number}" for number in range(self.random.randint(1, 60)))
        return partial(client.ask, f"{words}[[say:{said}]]", stream=stream)

    def _loop(self, client: SdkClient, words: str, rounds: list[Round], *, stream: bool) -> None:
        self.loops.append(client.loop(words, rounds, stream=stream))

    def _round(self) -> Round:
        count = self.random.randint(1, len(_NAMES))
        return Round(tuple((name, self.random.randrange(1000)) for name in _NAMES[:count]))
