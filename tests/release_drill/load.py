"""Clients that open sessions at a steady rate, whatever becomes of the answers, and what they saw."""

from collections import Counter

import h11
import trio
from attrs import define, field
from wire_client import WireClient

_WORDS = "Tell me something about the number {number}."


@define
class Load:
    """Requests at a rate.

    Args:
        port: of the edge that is asked.
        per_s: requests a second.
    """

    port: int
    per_s: float
    seen: Counter[str] = field(factory=Counter)
    """Answers by how they ended: `stop`, `error`, a status other than 200, or `cut` where the stream ended without `[DONE]`."""
    begun: int = 0

    async def run(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        """Asks until its scope is cancelled; a request does not wait for the one before it."""
        async with trio.open_nursery() as nursery:
            task_status.started(nursery.cancel_scope)
            while True:
                nursery.start_soon(self._ask, self.begun)
                self.begun += 1
                await trio.sleep(1 / self.per_s)

    async def _ask(self, number: int) -> None:
        try:
            answer = await WireClient(self.port).ask(_WORDS.format(number=number), stream=True)
        except (OSError, trio.BrokenResourceError, h11.ProtocolError, AssertionError):
            self.seen["cut"] += 1
            return
        if answer.status != 200:
            self.seen[str(answer.status)] += 1
        elif b"data: [DONE]" not in answer.body:
            self.seen["cut"] += 1
        else:
            self.seen["error" if b'"finish_reason":"error"' in answer.body else "stop"] += 1
