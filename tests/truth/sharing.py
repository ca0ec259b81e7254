"""Callers that ask a full deployment without a pause, the slots that each of them got, in seconds and in turns."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import trio
from attrs import define, field
from simulation.slot_world import Load
from wire_client import WireClient

_LOOK_S: Final = 0.05
"""Between two looks at how many turns the site answers."""
_AGAIN_S: Final = 1.0
"""After a refusal, as `Retry-After` says where a queue is full."""
_OK: Final = 200


@define(eq=False)
class Got:
    """What one caller got while it was looked at."""

    held_s: float = 0.0
    """Of all its turns together, from the first piece of the answer to the last."""
    answered: int = 0
    refused: dict[int, int] = field(factory=dict)
    """By status."""
    waited_s: list[float] = field(factory=list)
    """Until the first piece of an answer."""


@define(eq=False)
class Callers:
    """All callers at work.

    Args:
        loads: what they want.
        ports: of the edges.
        prompt: shapes the answer.
    """

    loads: Sequence[Load]
    ports: Sequence[int]
    prompt: str
    got: dict[str, Got] = field(factory=dict)
    _from_s: float = math.inf
    _until_s: float = math.inf

    def begin(self) -> None:
        """What they get from now on counts."""
        self.got = {load.caller: Got() for load in self.loads}
        self._from_s = trio.current_time()

    def finish(self) -> None:
        """What they get from now on does not count."""
        self._until_s = trio.current_time()

    async def ask(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            for load in self.loads:
                for port, clients in zip(self.ports, load.clients, strict=True):
                    for _ in range(clients):
                        nursery.start_soon(self._ask_again_and_again, load.caller, port)

    async def _ask_again_and_again(self, caller: str, port: int) -> None:
        client = WireClient(port, f"sk-{caller}")
        while True:
            asked_s = trio.current_time()
            async with client.asking(self.prompt, stream=True) as asked:
                status = (await asked.head()).status_code
                await asked.piece()
                began_s = trio.current_time()
                try:
                    while await asked.piece():
                        pass
                finally:
                    self._note(caller, status, (asked_s, began_s, trio.current_time()))
            if status != _OK:
                await trio.sleep(_AGAIN_S)

    def _note(self, caller: str, status: int, times: tuple[float, float, float]) -> None:
        asked_s, began_s, ended_s = times
        got = self.got.get(caller)
        if got is None or ended_s <= self._from_s:
            return
        if status != _OK:
            got.refused[status] = got.refused.get(status, 0) + 1
            return
        got.answered += 1
        got.waited_s.append(began_s - asked_s)
        got.held_s += max(0.0, min(ended_s, self._until_s) - max(began_s, self._from_s))


@define(eq=False)
class Concurrency:
    """How many turns the site answers, looked at again and again."""

    seen: list[int] = field(factory=list)

    async def watch(self, count: Callable[[], int]) -> None:
        """Until cancelled."""
        while True:
            self.seen.append(count())
            await trio.sleep(_LOOK_S)

    @property
    def mean(self) -> float:
        return sum(self.seen) / len(self.seen)


def held_of(got: Mapping[str, Got]) -> dict[str, float]:
    """The share of each caller in all the slots that were held, in percent of one."""
    total = sum(one.held_s for one in got.values())
    return {caller: one.held_s / total for caller, one in got.items()}
