"""The clients under trial, and a running program of one."""

import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import trio
from asks import Ask, Kind, Seen
from attrs import define, field, frozen
from cases import Failure
from installing import HERE, PYTHON, node
from loops import LoopAsk, LoopSeen

from mix2api.vocabulary import ClientName

_Seen = TypeVar("_Seen", Seen, LoopSeen)
_START_LIMIT_S: Final = 300
"""Until a program has loaded its SDK: seconds of CPU, on a machine that others use too."""
_ASK_LIMIT_S: Final = 30
"""For one ask: the slowest waits a second for its second try."""


@frozen(kw_only=True)
class Client:
    """One client and its words."""

    name: str
    known_as: ClientName
    """What the product must take it for."""
    command: tuple[str, ...]
    kinds: frozenset[Kind] = frozenset(Kind)
    """The endpoints that it has."""
    words: Mapping[Failure, str]
    """The class that it raises."""


def python_program(name: str) -> tuple[str, ...]:
    """The words that run a program in Python, with the packages of `agents.txt`."""
    return (str(PYTHON), str(HERE / "programs" / name))


def node_program(name: str) -> tuple[str, ...]:
    """The words that run a program for Node, with the packages of `package.json`."""
    return (node(), str(HERE / "programs" / name))


_OPENAI_WORDS: Final = {
    Failure.BAD_REQUEST: "BadRequestError",
    Failure.AUTHENTICATION: "AuthenticationError",
    Failure.NOT_FOUND: "NotFoundError",
    Failure.RATE_LIMIT: "RateLimitError",
    Failure.SERVER: "InternalServerError",
    Failure.IN_STREAM: "APIError",
}

CLIENTS: Final = (
    Client(
        name="openai python",
        known_as=ClientName.OPENAI_PYTHON,
        command=python_program("openai_python.py"),
        words={**_OPENAI_WORDS, Failure.TIMEOUT: "APITimeoutError"},
    ),
    Client(
        name="openai node",
        known_as=ClientName.OPENAI_NODE,
        command=node_program("openai_node.mjs"),
        words={**_OPENAI_WORDS, Failure.TIMEOUT: "APIConnectionTimeoutError"},
    ),
    Client(
        name="ai sdk",
        known_as=ClientName.AI_SDK,
        command=node_program("ai_sdk.mjs"),
        kinds=frozenset({Kind.CHAT}),
        words={
            **dict.fromkeys(Failure, "AI_APICallError"),
            # A part of its stream, with the envelope's `code` in it.
            Failure.IN_STREAM: "AI_StreamProviderError",
            Failure.TIMEOUT: "TimeoutError",
        },
    ),
    Client(
        name="curl",
        known_as=ClientName.CURL,
        command=python_program("curl.py"),
        words={
            **dict.fromkeys(Failure, "http_error"),
            Failure.IN_STREAM: "error_frame",
            Failure.TIMEOUT: "exit_28",
        },
    ),
)


def gap_of(command: Sequence[str], gaps: Mapping[str, str]) -> str | None:
    """Why a client's program cannot be run; None if it can."""
    needs = ("python",) if command[0] == str(PYTHON) else ("node",)
    return next((gaps[each] for each in needs if each in gaps), None)


@define(eq=False)
class ClientProgram:
    """A client's program, waiting for asks."""

    _process: trio.Process
    _read: bytearray = field(factory=bytearray)

    async def ready(self) -> None:
        """Waits until it says that it has loaded its SDK. One that does not is a finding of its first ask."""
        with trio.move_on_after(_START_LIMIT_S), suppress(EOFError, trio.BrokenResourceError):
            await self._line()

    async def see(self, ask: Ask | LoopAsk, of: type[_Seen]) -> _Seen:
        """Has it do one thing. A program that says nothing, or ended, is a finding like any other."""
        try:
            with trio.fail_after(_ASK_LIMIT_S):
                return msgspec.json.decode(await self._exchange(msgspec.json.encode(ask)), type=of)
        except trio.TooSlowError:
            # Whatever it says later would be taken for an answer to the next ask.
            self._process.kill()
            return of(complaints=[f"the client hangs: no answer within {_ASK_LIMIT_S} s"])
        except (EOFError, trio.BrokenResourceError):
            return of(complaints=["the client's program has ended"])

    async def _exchange(self, ask: bytes) -> bytes:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(ask + b"\n")
        return await self._line()

    async def _line(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        while (end := self._read.find(b"\n")) < 0:
            data = await stdout.receive_some()
            if not data:
                raise EOFError
            self._read += data
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        return line


@asynccontextmanager
async def running_program(command: Sequence[str], errors: Path) -> AsyncIterator[ClientProgram]:
    """A client's program, from here to the end of the block.

    Args:
        command: its words.
        errors: file for what it writes to stderr.
    """
    environ = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        # litellm would fetch its table of prices from the network.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with errors.open("ab") as stderr:
        process = await trio.lowlevel.open_process(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environ
        )
    try:
        program = ClientProgram(process)
        await program.ready()
        yield program
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
