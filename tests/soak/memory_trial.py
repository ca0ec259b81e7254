"""A real `serve` process between a demo site and clients, and the loads that its memory is measured under."""

import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
from attrs import field, frozen
from process_memory import resident_kb, words_in
from real_process import RealProcess, real_process
from redis_server import RedisServer
from whole_system import defaults
from wire_client import ASK, Conversation, WireClient

from mix2api.demo import DemoOptions, numbered_text, serve_demo

_SITE = DemoOptions(max_sessions=4, context_window=1 << 30)
"""Keeps little itself, and takes prompts of any length."""
_WARM_UP = 20
_BUSY = 503
_AGAIN_S = 0.2
"""A client comes back after so long: on a busy machine the store may seem away for a moment."""
_AT_ONCE = 16
"""Requests under way: as many as keep one process busy."""


@frozen
class Trial:
    """A process under trial."""

    client: WireClient
    process: RealProcess

    @property
    def pid(self) -> int:
        return self.process.process.pid

    def resident_mb(self) -> float:
        """Resident memory of the process, in MB (1,000 kB as `VmRSS` counts them, 1,024 bytes each)."""
        return resident_kb(self.pid) / 1000

    async def put(self, prompts: Iterator[str]) -> None:
        """Asks all of them, some at a time, every second one streamed."""

        async def ask_on() -> None:
            for number, prompt in enumerate(prompts):
                while (answer := await self.client.ask(prompt, stream=number % 2 == 0)).status == _BUSY:
                    await trio.sleep(_AGAIN_S)
                assert answer.status == 200, answer.body[:200]

        async with trio.open_nursery() as nursery:
            for _ in range(_AT_ONCE):
                nursery.start_soon(ask_on)


@asynccontextmanager
async def trial(server: RedisServer, **settings: str) -> AsyncIterator[Trial]:
    """Starts site and process, and warms the process up."""
    async with trio.open_nursery() as nursery:
        site = await nursery.start(serve_demo, _SITE)
        given = {**defaults(site.url, server.url), **settings}
        async with real_process("serve", given) as process:
            tried = Trial(WireClient(await process.wait_port()), process)
            await tried.put(f"warm-up {number}" for number in range(_WARM_UP))
            yield tried
        nursery.cancel_scope.cancel()


def long_prompts(count: int, size_bytes: int) -> Iterator[str]:
    """Prompts of that size, no two alike."""
    for number in range(count):
        word = f"{number:07d} "
        yield word * (size_bytes // len(word))


_WORD = re.compile(rb"plant-[0-9a-f]{24}|[0-9a-f]{8}-00001 \.{8} ")
"""A planted word, or the first delta of an answer of the site (`mix2api.demo.answers`)."""


def _word() -> str:
    return f"plant-{secrets.token_hex(12)}"


@frozen
class Plant:
    """A request with words in it that stand nowhere else."""

    directive: str = ""
    prompt_word: str = field(factory=_word)
    cookie: str = field(factory=_word)
    token: str = field(factory=_word)

    @property
    def prompt(self) -> str:
        return f"{self.directive} remember {self.prompt_word}"

    @property
    def answer_word(self) -> str:
        """The first delta of the site's answer, which is made of the prompt."""
        return next(iter(numbered_text(self.prompt, 16, 24)))

    @property
    def headers(self) -> Mapping[str, str]:
        return {"cookie": f"sid={self.cookie}", "authorization": f"Bearer {self.token}"}

    def words(self) -> dict[str, bytes]:
        """What must not be found, by what it is."""
        return {
            "prompt": self.prompt_word.encode(),
            "answer": self.answer_word.encode(),
            "cookie": self.cookie.encode(),
            "authorization": self.token.encode(),
        }

    def body(self, *, stream: bool) -> bytes:
        messages = [{"role": "user", "content": self.prompt}]
        return msgspec.json.encode({**ASK, "messages": messages, "stream": stream})


def found_of(pid: int, plants: list[Plant]) -> Counter[str]:
    """How many words of each kind stand in the process's memory."""
    owners = {word: kind for plant in plants for kind, word in plant.words().items()}
    return Counter(owners[word] for word in words_in(pid, _WORD) if word in owners)


@asynccontextmanager
async def kept_alive(client: WireClient) -> AsyncIterator[Any]:
    """A connection that carries one request after the other, and stays."""
    async with await trio.open_tcp_stream("127.0.0.1", client.port) as connection:

        async def ask(plant: Plant, *, stream: bool) -> int:
            conversation = Conversation(connection)
            headers = {"content-type": "application/json", **plant.headers}
            await conversation.send("POST", "/v1/chat/completions", plant.body(stream=stream), headers)
            return (await conversation.answer()).status

        yield ask
