"""Users of a simulated deployment: each has a conversation of unique words, and remembers what it asked, got and saw."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

import h11
import msgspec
import trio
from attrs import define, field, frozen
from client_views import Sight, View, view_of
from simulation.deployment import Deployment
from simulation.network import EndpointStream
from simulation.processes import Life
from simulation.trace import Trace
from wire_client import Answer, Conversation

_PATIENCE_S: Final = 120.0
"""A client of an edge that lives has its ending within this: the longest of all faults and a lease's troubles together take
some 30 seconds."""
_RECEIPT_S: Final = 3.0
"""An edge that is killed may take the receipts of its last seconds with it."""
_ATTEMPTS: Final = 3
"""Then a user gives the question up and asks another one."""
_FAILING: Final = (
    "[[status:500]]",
    "[[cut]]",
    "[[cut_mid_frame:reset]]",
    "[[error_mid]]",
    "[[abort]]",
    "[[429:1]]",
)
_WORDS: Final = ("alpha", "beta", "gamma", "delta", "\u00fc\u00f1\u00ee", "omega")
Message = dict[str, Any]


@frozen(kw_only=True)
class Asked:
    """One request and what its client saw of the answer."""

    request_id: str
    user: str
    history: tuple[Message, ...]
    """As it was sent."""
    expected: str
    """What the site says."""
    got: str
    """As far as it came."""
    view: View
    life: Life
    """The process whose edge was asked."""
    began_at: float
    ended_at: float
    is_hung: bool = False

    def settled(self, calm_s: Callable[[str, float, float], float]) -> View:
        """The view, marked if its edge died so soon that it may have taken the receipt with it.

        Args:
            calm_s: for how long a process could write, between two moments.
        """
        died_at = self.life.died_at
        if died_at is None or calm_s(self.life.name, self.ended_at, died_at) > _RECEIPT_S:
            return self.view
        return View(self.view.request_id, self.view.sight, self.view.reasons, edge_died=True)


@define(eq=False)
class User:
    """One user.

    Args:
        name: of its words and requests.
        deployment: whom it asks.
        random: its own, from the run's seed.
        trace: the run's.
    """

    name: str
    deployment: Deployment
    random: Random
    trace: Trace
    asked: list[Asked] = field(factory=list)
    _line: list[Message] = field(factory=list)
    _questions: int = 0

    async def converse(self, questions: int) -> None:
        """Asks so many questions, one after the other."""
        for _ in range(questions):
            await self._ask_until_answered()
            if self.random.random() < 0.15:
                self._line = []
            await trio.sleep(self.random.choice((0.0, 0.05, 0.3, 1.0)))

    def seen(self) -> list[str]:
        """How each request ended in its client's eyes."""
        return [asked.view.sight.value for asked in self.asked]

    async def _ask_until_answered(self) -> None:
        self._questions += 1
        expected, directives = self._wanted()
        question = f"{self.name}.{self._questions} [[say:{expected}]]{directives}"
        failing = self.random.choice(_FAILING) if self.random.random() < 0.15 else ""
        for attempt in range(_ATTEMPTS):
            history = (*self._line, {"role": "user", "content": question + failing})
            asked = await self._ask(f"{self.name}-{self._questions}-{attempt}", history, expected)
            if asked is None:
                await trio.sleep(0.5)
                continue
            self.asked.append(asked)
            self.trace.note(self.name, f"{asked.request_id} saw {asked.view.sight} of {asked.life.name}")
            if asked.view.sight is Sight.FINISH:
                self._line = [*history, {"role": "assistant", "content": asked.got}]
                return
            failing = ""
            await trio.sleep(self.random.choice((0.0, 0.2, 1.0)))

    def _wanted(self) -> tuple[str, str]:
        """What the site is to say, and how."""
        random = self.random
        count = random.choice((1, 3, 10, 40))
        expected = " ".join(f"{self.name}.{self._questions}.{n}{random.choice(_WORDS)}" for n in range(count))
        directives = f"[[size:{random.choice((8, 40, 200))}]][[pace:{random.choice((0, 0, 5, 50))}]]"
        if random.random() < 0.1:
            directives += f"[[slow_head:{random.choice((50, 800))}]]"
        if random.random() < 0.05:
            directives += random.choice(("[[forget]]", "[[forget:after]]", "[[swap]]"))
        return expected, directives

    async def _ask(self, request_id: str, history: tuple[Message, ...], expected: str) -> Asked | None:
        """Asks an edge that is there; None if nobody listened."""
        lives = self.deployment.edges()
        if not lives:
            return None
        life = self.random.choice(lives)
        stream = self.random.random() < 0.75
        leaves_after = self.random.randrange(2000) if self.random.random() < 0.1 else None
        body = msgspec.json.encode(
            {"model": "mix/qwen-3-235b-instruct", "messages": history, "stream": stream}
        )
        began_at = trio.current_time()
        view, got, hung = View(request_id, Sight.CUT), "", False
        try:
            end = await self.deployment.network.dial(self.name, life.name)
        except ConnectionRefusedError:
            return None
        conversation = Conversation(EndpointStream(end))  # type: ignore[arg-type]
        with trio.move_on_after(_PATIENCE_S) as patience:
            try:
                view, got = await self._read(conversation, request_id, body, leaves_after)
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                got = _text_so_far(conversation, is_stream=stream)
        hung = patience.cancelled_caught
        end.close()
        return Asked(
            request_id=request_id,
            user=self.name,
            history=history,
            expected=expected,
            got=got,
            view=view,
            life=life,
            began_at=began_at,
            ended_at=trio.current_time(),
            is_hung=hung,
        )

    async def _read(
        self, conversation: Conversation, request_id: str, body: bytes, leaves_after: int | None
    ) -> tuple[View, str]:
        headers = {
            "authorization": f"Bearer sk-{self.name}",
            "content-type": "application/json",
            "x-request-id": request_id,
        }
        await conversation.send("POST", "/v1/chat/completions", body, headers)
        if leaves_after is None:
            answer = await conversation.answer()
            return view_of(answer), _text_of(answer)
        head = await conversation.head()
        while len(conversation.body) < leaves_after and await conversation.piece():
            pass
        is_stream = (b"content-type", b"text/event-stream; charset=utf-8") in head.headers
        return View(request_id, Sight.LEFT), _text_so_far(conversation, is_stream=is_stream)


def _text_of(answer: Answer) -> str:
    return answer.text() if answer.status == 200 else ""


def _text_so_far(conversation: Conversation, *, is_stream: bool) -> str:
    """Of whole frames."""
    if not is_stream:
        return ""
    whole = conversation.body[: conversation.body.rfind(b"\n\n") + 2]
    return Answer(200, {"content-type": "text/event-stream"}, whole).text()
