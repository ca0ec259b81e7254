"""Clients at work on a deployment under faults: each asks, reads to whatever end it gets, and remembers what it saw."""

import re
from random import Random
from typing import Final

import h11
import trio
from attrs import define, field, frozen
from client_views import Sight, View, view_of
from truth.deployment import Deployment, Life
from wire_client import Answer, Conversation, WireClient

_PATIENCE_S: Final = 90.0
"""A client connected to an edge that lives, paused or not, has its ending within this, or the test fails."""
_RECEIPT_S: Final = 3.0
"""A killed edge may take the receipts of its last seconds with it: those that waited for a store that was away."""
_SAID: Final = re.compile(r"\[\[say:(.*?)\]\]")
_FAILING: Final = ("[[status:500]]", "[[cut:body]]", "[[error_mid]]", "[[abort]]")


@frozen
class Witness:
    """A view, and which process gave it, until when."""

    view: View
    life: Life
    ended_at: float

    def settled(self) -> View:
        """The view, marked if its edge died so soon that it may have taken the receipt with it."""
        died_at = self.life.died_at
        if died_at is None or died_at - self.ended_at > _RECEIPT_S:
            return self.view
        return View(self.view.request_id, self.view.sight, self.view.reasons, edge_died=True)


@define(eq=False)
class Crowd:
    """All clients.

    Args:
        deployment: whom they ask.
        random: from the test's seed.
        runs: how many requests are to be answered one way or the other.
    """

    deployment: Deployment
    random: Random
    runs: int
    witnesses: list[Witness] = field(factory=list)
    hung: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    """Answers with other bytes than the site said, or with some of them twice."""
    _asked: int = 0

    async def be_many(self, clients: int) -> None:
        """So many clients at once, until there are enough witnesses."""
        async with trio.open_nursery() as nursery:
            for _ in range(clients):
                nursery.start_soon(self._ask_again_and_again)

    async def _ask_again_and_again(self) -> None:
        while len(self.witnesses) < self.runs:
            self._asked += 1
            await self._ask(f"truth-{self._asked}")
            await trio.sleep(self.random.uniform(0, 0.2))

    async def _ask(self, request_id: str) -> None:
        life = self.random.choice(self.deployment.edges()).life
        assert life.port is not None
        prompt, stream = self._prompt(), self.random.random() < 0.7
        leaves_after = self.random.randrange(3000) if self.random.random() < 0.1 else None
        sight = Sight.CUT
        with trio.move_on_after(_PATIENCE_S) as patience:
            try:
                asking = WireClient(life.port).asking(
                    prompt, headers={"x-request-id": request_id}, stream=stream
                )
                async with asking as asked:
                    if leaves_after is not None:
                        sight = Sight.LEFT
                        await self._read_some(asked, leaves_after)
                    else:
                        answer = await asked.answer()
                        self._compare(prompt, answer)
                        self._note(view_of(answer), life)
                        return
            except ConnectionRefusedError:
                return  # nobody listened: nothing was asked
            except OSError as fault:
                if _nobody_listened(fault):
                    return
            except (trio.BrokenResourceError, h11.RemoteProtocolError, AssertionError):
                pass
        if patience.cancelled_caught:
            self.hung.append(request_id)
        self._note(View(request_id, sight), life)

    async def _read_some(self, asked: Conversation, size: int) -> None:
        await asked.head()
        while len(asked.body) < size and await asked.piece():
            pass

    def _compare(self, prompt: str, answer: Answer) -> None:
        """Of a prompt that says what the answer is."""
        expected, given = _SAID.search(prompt), answer.status == 200
        if expected is None or not given:
            return
        text = answer.text()
        if not expected[1].startswith(text) or (answer.finish_reason() == "stop" and text != expected[1]):
            self.wrong.append(f"{text!r} instead of {expected[1]!r}")

    def _note(self, view: View, life: Life) -> None:
        self.witnesses.append(Witness(view, life, trio.current_time()))

    def _prompt(self) -> str:
        if self.random.random() < 0.05:
            return self.random.choice(_FAILING)
        if self.random.random() < 0.5:
            said = " ".join(f"{self._asked}.{number}" for number in range(self.random.randint(1, 60)))
            return f"[[say:{said}]] [[size:12]] [[pace:{self.random.choice((0, 5, 20, 50))}]]"
        return f"[[chunks:{self.random.randint(1, 60)}]] [[pace:{self.random.choice((0, 5, 20, 50))}]]"


def _nobody_listened(fault: OSError) -> bool:
    """`open_tcp_stream` wraps what each address said."""
    return isinstance(fault.__cause__, ConnectionRefusedError) or "all attempts to connect" in str(fault)
