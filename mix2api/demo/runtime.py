"""A runtime for trials: the state of an OpenCode server, and what it does with a prompt. Knows nothing of sockets.

Sessions, messages and events have the form that was seen with opencode-ai 1.18.33. The answer is the demo site's own
(`mix2api.demo.answers`), so a test knows every character of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import trio
from attrs import define, field

from mix2api.demo.answers import compose
from mix2api.demo.contexts import Asked
from mix2api.demo.directives import Directives, find_directives
from mix2api.demo.options import DemoOptions
from mix2api.demo.words import Word

_SENDS: Final = 10_000
"""Events that may wait for one reader of the stream: more than any trial makes between two reads."""


@define(eq=False)
class RuntimeSession:
    """One session."""

    id: str
    title: str
    messages: list[dict[str, Any]] = field(factory=list)
    busy: bool = False
    asked: str | None = None
    """The permission or question that it waits for."""
    answered: trio.Event = field(factory=trio.Event)
    work: trio.CancelScope = field(factory=trio.CancelScope)
    is_stuck: bool = False
    """It stays busy, whoever aborts it."""


@define(eq=False)
class Runtime:
    """One server.

    Args:
        options: of the demo site.
        start: starts a task that outlasts the request that asked for it.
    """

    options: DemoOptions
    start: Callable[..., None]
    sessions: dict[str, RuntimeSession] = field(factory=dict, init=False)
    prompts: list[dict[str, Any]] = field(factory=list, init=False)
    """Bodies of prompts, oldest first."""
    replies: list[dict[str, Any]] = field(factory=list, init=False)
    """What permissions and questions were answered with."""
    aborts: int = field(default=0, init=False)
    """Aborts that it was told."""
    made: int = field(default=0, init=False)
    """Sessions made so far."""
    readers: dict[int, trio.MemorySendChannel[dict[str, Any]]] = field(factory=dict, init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)

    def mint(self, what: str) -> str:
        """A fresh id."""
        return f"{what}_{next(self._numbers):06d}"

    def make(self, title: str) -> RuntimeSession:
        """A fresh session."""
        session = RuntimeSession(self.mint("ses"), title)
        self.sessions[session.id] = session
        self.made += 1
        return session

    @contextmanager
    def read_events(self) -> Iterator[trio.MemoryReceiveChannel[dict[str, Any]]]:
        """The end of one reader of the stream; the stream ends when the reader is dropped."""
        send, receive = trio.open_memory_channel[dict[str, Any]](_SENDS)
        number = next(self._numbers)
        self.readers[number] = send
        send.send_nowait({"payload": {"type": "server.connected", "properties": {}}})
        try:
            yield receive
        finally:
            self.readers.pop(number, None)

    def drop_readers(self) -> None:
        """Ends every stream of events."""
        readers, self.readers = self.readers, {}
        for send in readers.values():
            send.close()

    def emit(self, type_: str, **properties: Any) -> None:
        """Tells all readers."""
        event = {"directory": "/demo", "payload": {"type": type_, "properties": properties}}
        for send in self.readers.values():
            send.send_nowait(event)

    def prompt(self, session: RuntimeSession, prompt: dict[str, Any]) -> None:
        """Begins to work at a prompt."""
        self.prompts.append(prompt)
        session.busy = True
        session.work = trio.CancelScope()
        self.start(self._work, session, prompt)

    def abort(self, session: RuntimeSession) -> None:
        """Ends what it does, unless it is stuck."""
        self.aborts += 1
        if not session.is_stuck:
            session.work.cancel()

    def delete(self, session: RuntimeSession) -> None:
        """Removes it."""
        session.work.cancel()
        self.sessions.pop(session.id, None)
        self.emit("session.deleted", sessionID=session.id, info={"id": session.id})

    async def _work(self, session: RuntimeSession, prompt: dict[str, Any]) -> None:
        texts = [part["text"] for part in prompt["parts"] if part["type"] == "text"]
        words = find_directives(texts[-1])
        session.is_stuck = Word.STUCK in words
        message = self._begin(session, prompt["parts"])
        with session.work:
            await self._answer(session, message, texts[-1], words)
        if session.work.cancelled_caught:
            aborted = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}
            message["info"]["error"] = aborted
            self.emit("session.error", sessionID=session.id, error=aborted)
        self._rest(session)

    def _begin(self, session: RuntimeSession, parts: list[dict[str, Any]]) -> dict[str, Any]:
        asked = self._message(session, "user")
        for part in parts:
            self._part(session, asked, dict(part))
        self.emit("session.status", sessionID=session.id, status={"type": "busy"})
        return self._message(session, "assistant")

    def _rest(self, session: RuntimeSession) -> None:
        """It is idle, and says so twice."""
        session.busy = False
        for _ in range(2):
            self.emit("session.status", sessionID=session.id, status={"type": "idle"})
            self.emit("session.idle", sessionID=session.id)

    async def _answer(
        self, session: RuntimeSession, message: dict[str, Any], text: str, words: Directives
    ) -> None:
        answer = compose(Asked(text, (), step=0), words, self.options, None, ())
        pace_s = words.number(Word.PACE, self.options.pace_ms) / 1000
        self._part(session, message, {"type": "step-start"})
        if Word.SILENT in words or session.is_stuck:
            await trio.sleep_forever()
        if Word.ASKS in words:
            await self._ask(session, words.text(Word.ASKS, "permission"))
        if Word.SERVER_TOOL in words:
            self._tool(session, message, words.text(Word.SERVER_TOOL, "runs"))
        await self._say(session, message, "reasoning", answer.reasoning, pace_s)
        half = len(answer.pieces) // 2
        await self._say(session, message, "text", answer.pieces[:half], pace_s)
        if Word.CUT in words:
            self.drop_readers()
        if Word.ERROR_MID in words:
            failure = {"name": "UnknownError", "data": {"message": words.text(Word.ERROR_MID, "it failed")}}
            self.emit("session.error", sessionID=session.id, error=failure)
            return
        await self._say(session, message, "text", answer.pieces[half:], pace_s)
        tokens = {"input": 11, "output": 5, "reasoning": 2, "cache": {"read": 3, "write": 1}}
        self._part(session, message, {"type": "step-finish", "reason": answer.finish, "tokens": tokens})
        message["info"]["finish"] = answer.finish
        self.emit("message.updated", sessionID=session.id, info=message["info"])

    async def _ask(self, session: RuntimeSession, what: str) -> None:
        """Waits until somebody answers a permission or a question, as OpenCode does: for ever."""
        session.asked, session.answered = self.mint("per" if what == "permission" else "que"), trio.Event()
        self.emit(f"{what}.asked", id=session.asked, sessionID=session.id)
        await session.answered.wait()

    def _tool(self, session: RuntimeSession, message: dict[str, Any], how: str) -> None:
        """Runs a tool of its own; the part is told of again and again."""
        part = {"type": "tool", "callID": self.mint("call"), "tool": "bash", "state": {"status": "pending"}}
        whole = self._part(session, message, part)
        for status in ("running", "running", "completed" if how == "runs" else "error"):
            whole["state"] = {"status": status}
            self.emit("message.part.updated", sessionID=session.id, part=whole)

    async def _say(
        self, session: RuntimeSession, message: dict[str, Any], type_: str, pieces: Any, pace_s: float
    ) -> None:
        """A part, in deltas and then whole, twice. A part that is there already is not begun anew."""
        if not pieces:
            return
        part = self._part(session, message, {"type": type_, "text": ""})
        for piece in pieces:
            await trio.sleep(pace_s)
            part["text"] += piece
            about = {"sessionID": session.id, "messageID": message["info"]["id"], "partID": part["id"]}
            self.emit("message.part.delta", **about, field="text", delta=piece)
        for _ in range(2):
            self.emit("message.part.updated", sessionID=session.id, part=dict(part))

    def _message(self, session: RuntimeSession, role: str) -> dict[str, Any]:
        info = {"id": self.mint("msg"), "sessionID": session.id, "role": role}
        message: dict[str, Any] = {"info": info, "parts": []}
        session.messages.append(message)
        self.emit("message.updated", sessionID=session.id, info=dict(info))
        return message

    def _part(self, session: RuntimeSession, message: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
        whole = {"id": self.mint("prt"), "sessionID": session.id, "messageID": message["info"]["id"], **part}
        message["parts"].append(whole)
        self.emit("message.part.updated", sessionID=session.id, part=dict(whole))
        return whole
