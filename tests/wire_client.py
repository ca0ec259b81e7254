"""A client that sees every byte of an answer, reads it piece by piece, and can hang up wherever it likes."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import h11
import msgspec
import trio
from attrs import define, field, frozen

ASK: Mapping[str, Any] = {"model": "mix/qwen-3-235b-instruct"}


@frozen
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def error(self) -> dict[str, Any]:
        """The envelope's object."""
        error: dict[str, Any] = self.json()["error"]
        return error

    @property
    def is_stream(self) -> bool:
        return self.headers["content-type"].startswith("text/event-stream")

    def payloads(self) -> list[str]:
        """What stands in the `data:` lines of an SSE body, in order."""
        return payloads_of(self.body)

    def chunks(self) -> list[dict[str, Any]]:
        """The payloads without `[DONE]`."""
        return [msgspec.json.decode(payload) for payload in self.payloads() if payload != "[DONE]"]

    def text(self) -> str:
        """The answer's content, assembled or whole."""
        if not self.is_stream:
            content: str = self.json()["choices"][0]["message"]["content"]
            return content
        return "".join(choice["delta"].get("content") or "" for choice in self.choices())

    def choices(self) -> list[dict[str, Any]]:
        """The one choice of every chunk that has one."""
        return [chunk["choices"][0] for chunk in self.chunks() if chunk.get("choices")]

    def finish_reason(self) -> str | None:
        """The last one that was told."""
        choices = self.choices() if self.is_stream else self.json()["choices"]
        reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"] is not None]
        return reasons[-1] if reasons else None


def payloads_of(body: bytes) -> list[str]:
    """The payloads of whole frames; comments are left out, the border of the last frame is checked."""
    events = "\n".join(line for line in body.decode().split("\n") if not line.startswith(":"))
    blocks = events.split("\n\n")
    assert blocks[-1] == "", "the body ends within a frame"
    return [block.removeprefix("data: ") for block in blocks[:-1]]


@define(eq=False)
class Conversation:
    """One request on a connection of its own, and its answer as far as it was read."""

    stream: trio.SocketStream
    answers: list[Answer] | None = None
    """Where a whole answer is remembered."""
    _http: h11.Connection = field(factory=lambda: h11.Connection(h11.CLIENT))
    body: bytes = b""

    async def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        given = {"host": "edge", "content-length": str(len(body)), **headers}
        request = h11.Request(method=method, target=path, headers=list(given.items()))
        parts = (request, h11.Data(data=body), h11.EndOfMessage())
        await self.stream.send_all(b"".join(self._http.send(part) or b"" for part in parts))

    async def head(self) -> h11.Response:
        event = await self._event()
        assert isinstance(event, h11.Response), event
        return event

    async def piece(self) -> bytes:
        """The next piece of the body, nothing at its end."""
        event = await self._event()
        if isinstance(event, h11.EndOfMessage):
            return b""
        assert isinstance(event, h11.Data), event
        self.body += event.data
        return bytes(event.data)

    async def read_until(self, holds: Callable[[bytes], bool]) -> None:
        """Reads on until `holds` is true of the body so far."""
        while not holds(self.body):
            assert await self.piece(), f"the body ended before: {self.body[-500:]!r}"

    async def answer(self) -> Answer:
        return await self.rest(await self.head())

    async def rest(self, head: h11.Response) -> Answer:
        """Reads to the end; raises if the connection is cut before that."""
        while await self.piece():
            pass
        headers = {name.decode(): value.decode() for name, value in head.headers}
        answer = Answer(head.status_code, headers, self.body)
        if self.answers is not None:
            self.answers.append(answer)
        return answer

    async def hang_up(self) -> None:
        await self.stream.aclose()

    async def _event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self.stream.receive_some())
        assert not isinstance(event, type), event
        return event


@define
class WireClient:
    """Talks to an edge."""

    port: int
    token: str = "sk-of-the-tests"
    answers: list[Answer] = field(factory=list)
    """All whole answers to chat requests that it has read, for the oracle of truth (`client_views`)."""

    @asynccontextmanager
    async def asking(
        self, prompt: str, *, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> AsyncIterator[Conversation]:
        """A chat request with one user message, as a context manager of its `Conversation`."""
        body = {**ASK, "messages": [{"role": "user", "content": prompt}], **fields}
        asked = self.request("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
        async with asked as conversation:
            conversation.answers = self.answers
            yield conversation

    @asynccontextmanager
    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Conversation]:
        """Sends a request; leaving the block closes the connection."""
        given = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            conversation = Conversation(stream)
            await conversation.send(method, path, body, {**given, **(headers or {})})
            yield conversation

    async def ask(self, prompt: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        """Asks and reads the whole answer."""
        async with self.asking(prompt, headers=headers, **fields) as conversation:
            return await conversation.answer()

    async def post(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        async with self.request("POST", path, b"{}", headers) as conversation:
            return await conversation.answer()

    async def get(self, path: str) -> Answer:
        async with self.request("GET", path) as conversation:
            return await conversation.answer()
