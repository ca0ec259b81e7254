"""Users of conversations in a simulated deployment: each talks in a session, and remembers what it said and was told."""

from random import Random
from typing import Any, Final

import h11
import msgspec
import trio
from attrs import define, field, frozen
from simulation.deployment import Deployment
from simulation.network import EndpointStream
from simulation.trace import Trace
from wire_client import Conversation

_PATIENCE_S: Final = 300.0
"""For an answer of an edge that lives: a turn may wait for two others that time out, are taken over, or stall."""
_TRIES: Final = 30
"""Then a user gives a message up: it may have been accepted all the same."""
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_REFUSALS: Final = frozenset({"0005", "0006"})
"""What a caller is told while this deployment is in trouble."""
_KINDS: Final = (
    *("[[drafts:single]]", "[[drafts:good]]", "[[drafts:prose]]", "[[drafts:cyclic,good]]"),
    *("[[drafts:wide]]", "[[drafts:chain]]", "[[drafts:summed_up]]", "[[verdict:once]]"),
    *("[[drafts:hanging]]", "[[drafts:failing]]", "[[verdict:fail]]", "[[status:500]]"),
)
_SURE: Final = 4
"""The first so many kinds end with what the message asks for, wherever they end well."""


@frozen
class Sight:
    """What a user was told of a turn."""

    at: float
    """When it was asked."""
    turn_id: str
    status: str
    message: str | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more may become of the turn."""
        return self.status in _ENDED


@define(eq=False)
class Said:
    """One message, and what its user was told of it."""

    session: str
    text: str
    expected: str | None
    """The assistant message of a turn that ends well; None: the site makes it up."""
    sights: list[Sight] = field(factory=list)

    @property
    def last(self) -> Sight | None:
        """What was told last."""
        return self.sights[-1] if self.sights else None


@define(eq=False)
class PlanUser:
    """One user with a session.

    Args:
        name: of its credential, session and words.
        deployment: whom it asks.
        random: its own, from the run's seed.
        trace: the run's.
    """

    name: str
    deployment: Deployment
    random: Random
    trace: Trace
    said: list[Said] = field(factory=list)
    wrong: list[str] = field(factory=list)
    """What no edge may answer."""
    is_deleted: bool = False
    """It has asked to have its session deleted."""
    _requests: int = 0

    @property
    def session(self) -> str:
        """Its session's id."""
        return f"session-{self.name}"

    @property
    def token(self) -> str:
        """Its credential."""
        return f"sk-{self.name}"

    def seen(self) -> list[str]:
        """The status that each message's user was told last."""
        return ["nothing" if said.last is None else said.last.status for said in self.said]

    async def converse(self, questions: int) -> None:
        """Says so many messages. Some are waited for, some cancelled; some sessions are deleted at the end."""
        for number in range(questions):
            said = self._message(number)
            self.said.append(said)
            await self._say(said, f"{self.name}-{number}")
            if self.random.random() < 0.4:
                await self._follow(said)
            await trio.sleep(self.random.choice((0.0, 0.05, 0.3, 1.0)))
        for said in self.said:
            await self._follow(said)
        if self.random.random() < 0.2:
            await self._delete()

    def _message(self, number: int) -> Said:
        place = self.random.randrange(len(_KINDS))
        expected = f"answer {self.name}.{number}"
        pace = self.random.choice(("", "[[slow_head:700]]", "[[chunks:4]] [[pace:200]]"))
        text = f"{self.name}.{number} [[say:{expected}]] {pace} {_KINDS[place]}"
        return Said(self.session, text, expected if place < _SURE else None)

    async def _say(self, said: Said, message_id: str) -> None:
        """Says a message until it is accepted. Its id makes it the same message each time."""
        body = {"message": said.text, "clientMessageId": message_id}
        mode = self.random.choice(({}, {"async": True}, {"async": True}, {"wait": True}))
        for _ in range(_TRIES):
            asked_at = trio.current_time()
            leaves = self.random.choice((0.05, 0.5, 2.0)) if self.random.random() < 0.15 else None
            told = await self._ask("POST", f"/api/sessions/{said.session}/chat", {**body, **mode}, leaves)
            if told is not None and told[0] == 200:
                data = told[1]["data"]
                said.sights.append(
                    Sight(asked_at, data["turnId"], data["turnStatus"], data["assistantMessage"])
                )
                return
            if told is not None and told[0] == 404:
                await self._begin()
            else:
                await trio.sleep(self.random.choice((0.1, 0.5, 2.0)))

    async def _begin(self) -> None:
        """Begins the session, or begins it once more where the store has lost it."""
        body = {"userId": self.name, "sessionId": self.session, "ifExists": "return"}
        await self._ask("POST", "/api/sessions", body)

    async def _follow(self, said: Said) -> None:
        """Looks after a turn, or cancels it, until it has ended or nobody knows it any more."""
        cancels = self.random.random() < 0.2
        due = trio.current_time() + _PATIENCE_S
        while trio.current_time() < due and said.last is not None and not said.last.has_ended:
            asked_at, path = trio.current_time(), f"/api/turns/{said.last.turn_id}"
            told = await self._ask("POST" if cancels else "GET", f"{path}/cancel" if cancels else path)
            if told is not None and told[0] == 404:
                return
            if told is not None and told[0] == 200:
                data = told[1]["data"]
                said.sights.append(Sight(asked_at, data["turnId"], data["status"], data["assistantSummary"]))
            await trio.sleep(0.5)

    async def _delete(self) -> None:
        self.is_deleted = True
        for _ in range(_TRIES):
            told = await self._ask("DELETE", f"/api/sessions/{self.session}")
            if told is not None and told[0] in {200, 404}:
                return
            await trio.sleep(0.5)

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, leaves_after_s: float | None = None
    ) -> tuple[int, Any] | None:
        """Status and envelope of an answer; None where none came: nobody listened, the edge died, or the user left."""
        lives = self.deployment.edges()
        if not lives:
            return None
        life = self.random.choice(lives)
        try:
            end = await self.deployment.network.dial(self.name, life.name)
        except ConnectionRefusedError:
            return None
        conversation = Conversation(EndpointStream(end))  # type: ignore[arg-type]
        told = None
        with trio.move_on_after(_PATIENCE_S if leaves_after_s is None else leaves_after_s) as patience:
            try:
                await conversation.send(
                    method, path, b"" if body is None else msgspec.json.encode(body), self._headers()
                )
                answer = await conversation.answer()
                told = answer.status, answer.json()
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                pass
        end.close()
        word = "left" if patience.cancelled_caught else "nothing" if told is None else str(told[0])
        self.trace.note(self.name, f"{method} {path} of {life.name}: {word}")
        if patience.cancelled_caught and leaves_after_s is None:
            self.wrong.append(f"{method} {path} had no answer from {life.name}")
        elif told is None and not patience.cancelled_caught and life.died_at is None:
            self.wrong.append(f"{method} {path} was cut off by {life.name}, which lives")
        elif told is not None and told[0] not in {200, 404} and told[1]["code"] not in _REFUSALS:
            self.wrong.append(f"{method} {path} was answered with {told}")
        return told

    def _headers(self) -> dict[str, str]:
        self._requests += 1
        return {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "x-request-id": f"{self.name}-{self._requests}",
        }
