"""A real `serve` process between a demo site and clients, and the loads that its memory is measured under."""

import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import trio
from attrs import field, frozen
from process_memory import resident_kb, words_in
from real_process import RealProcess, real_process
from redis_server import RedisServer
from whole_system import Shape, defaults
from wire_client import ASK, Conversation, WireClient

from mix2api.demo import DemoOptions, numbered_text, serve_demo

_SITE = DemoOptions(max_sessions=4, context_window=1 << 30)
"""Keeps little itself, and takes prompts of any length."""
_WARM_UP = 20
_BUSY = 503
_AGAIN_S = 0.2
"""A client comes back after so long: on a busy machine the store may seem away for a moment."""
_WINDOW = '{"*": {"context_window": 4000000, "max_input_tokens": 3900000}}'
"""Tokens: requests of 2 MB have a million."""
_AT_ONCE = 16
"""Requests under way: as many as keep one process busy."""


WORD = re.compile(rb"plant-[0-9a-f]{24}|[0-9a-f]{8}-00001 \.{8} ")
"""A planted word, or the first delta of an answer of the site (`mix2api.demo.answers`)."""


def _word() -> str:
    return f"plant-{secrets.token_hex(12)}"


@frozen
class Plant:
    """A request with words in it that stand nowhere else."""

    directive: str = ""
    filling: int = 0
    """Characters before, between and behind the words in the prompt: long ones pass through buffers that grow."""
    prompt_word: str = field(factory=_word)
    cookie: str = field(factory=_word)
    token: str = field(factory=_word)

    @property
    def prompt(self) -> str:
        # No quotes and no line ends: `msgspec` decodes such texts through a growing buffer of its own (ADR 18).
        filling = " filling" * (self.filling // 24)
        return f"[[chunks:16]] {self.directive} remember {self.prompt_word}{filling} {self.prompt_word}{filling} {self.prompt_word}"

    @property
    def answer_word(self) -> str:
        """The first delta of the site's answer, which is made of the prompt."""
        return numbered_text(self.prompt, 16, 24)[0]

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

    def head(self) -> bytes:
        """The request's head, whose body does not come."""
        lines = [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        fixed = "host: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n"
        return f"POST /v1/chat/completions HTTP/1.1\r\n{fixed}{''.join(lines)}\r\n".encode()

    def body(self, *, stream: bool) -> bytes:
        messages = [{"role": "user", "content": self.prompt}]
        return msgspec.json.encode({**ASK, "messages": messages, "stream": stream})


@frozen
class Trial:
    """Processes under trial."""

    client: WireClient
    processes: list[RealProcess]

    def resident_mb(self) -> float:
        """Resident memory of the processes, in MB (1,000 kB as `VmRSS` counts them, 1,024 bytes each)."""
        return sum(resident_kb(process.process.pid) for process in self.processes) / 1000

    def found_of(self, plants: list[Plant]) -> Counter[str]:
        """How many words of each kind stand in the memory of any of the processes."""
        owners = {word: kind for plant in plants for kind, word in plant.words().items()}
        found = {word for process in self.processes for word in words_in(process.process.pid, WORD)}
        return Counter(owners[word] for word in found if word in owners)

    async def put(self, prompts: Iterator[str]) -> None:
        """Asks all of them, some at a time, every second one streamed."""

        async def ask_on() -> None:
            for number, prompt in enumerate(prompts):
                while (answer := await self.client.ask(prompt, stream=number % 2 == 0)).status == _BUSY:  # noqa: ASYNC110 - the server tells nobody when it has room  # noqa: ASYNC110
                    await trio.sleep(_AGAIN_S)
                assert answer.status == 200, answer.body[:200]

        async with trio.open_nursery() as nursery:
            for _ in range(_AT_ONCE):
                nursery.start_soon(ask_on)


@asynccontextmanager
async def trial(server: RedisServer, shape: Shape = Shape.SERVE, **settings: str) -> AsyncIterator[Trial]:
    """Starts site and processes, and warms them up."""
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        site = await nursery.start(serve_demo, _SITE)
        given = {**defaults(site.url, server.url), "MODEL_PROFILE_JSON": _WINDOW, **settings}
        processes = []
        for command in ("serve",) if shape is Shape.SERVE else ("worker", "edge"):
            processes.append(await stack.enter_async_context(real_process(command, given)))
            await processes[-1].wait_line("process.started")
        tried = Trial(WireClient(await processes[-1].wait_port()), processes)
        await tried.put(f"warm-up {number}" for number in range(_WARM_UP))
        yield tried
        nursery.cancel_scope.cancel()


def long_prompts(count: int, size_bytes: int) -> Iterator[str]:
    """Prompts of that size, no two alike."""
    for number in range(count):
        word = f"{number:07d} "
        yield word * (size_bytes // len(word))


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
