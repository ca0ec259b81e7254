"""The clients under trial, and a running program of one."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import trio
from asks import Ask, Kind, Seen
from attrs import define, field, frozen
from cases import Failure
from loops import LoopAsk, LoopSeen

from mix2api.vocabulary import ClientName

HERE: Final = Path(__file__).parent
_Seen = TypeVar("_Seen", Seen, LoopSeen)
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


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / "programs" / name))


def _node(name: str) -> tuple[str, ...]:
    return ("node", str(HERE / "programs" / name))


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
        command=_python("openai_python.py"),
        words={**_OPENAI_WORDS, Failure.TIMEOUT: "APITimeoutError"},
    ),
    Client(
        name="openai node",
        known_as=ClientName.OPENAI_NODE,
        command=_node("openai_node.mjs"),
        words={**_OPENAI_WORDS, Failure.TIMEOUT: "APIConnectionTimeoutError"},
    ),
    Client(
        name="ai sdk",
        known_as=ClientName.AI_SDK,
        command=_node("ai_sdk.mjs"),
        kinds=frozenset({Kind.CHAT}),
        words={
            **dict.fromkeys(Failure, "AI_APICallError"),
            # A part of its stream, with the envelope's `error` in it.
            Failure.IN_STREAM: "error_part",
            Failure.TIMEOUT: "TimeoutError",
        },
    ),
    Client(
        name="curl",
        known_as=ClientName.CURL,
        command=_python("curl.py"),
        words={
            **dict.fromkeys(Failure, "http_error"),
            Failure.IN_STREAM: "error_frame",
            Failure.TIMEOUT: "exit_28",
        },
    ),
)


@define(eq=False)
class ClientProgram:
    """A client's program, waiting for asks."""

    _process: trio.Process
    _read: bytearray = field(factory=bytearray)

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
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        await stdin.send_all(ask + b"\n")
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
    }
    with errors.open("ab") as stderr:
        process = await trio.lowlevel.open_process(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environ
        )
    try:
        yield ClientProgram(process)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
