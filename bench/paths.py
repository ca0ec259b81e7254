"""Paths over requests and answers: CPU at n and 2n, and what an expensive one does to the streams beside it.

    python bench/paths.py [--quick] [--only WORD]

Two tables, as Markdown, on standard output. The first calls each path by itself: process CPU at n and at 2n, their ratio, and
the longest step. The second runs the product, a hostile site and a client with a quiet stream in one process: an instrument of
trio measures the longest step of any of the product's tasks, and the client how long the quiet stream's frames were late.
"""

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import trio
from attrs import define, frozen
from paths_inputs import ANSWERS, BODIES, HISTORIES, OFFERED, SYSTEM_ANSWERS, SYSTEM_BODIES, TEXTS

from mix2api.actors.tool_calls import CallRules
from mix2api.actors.translation import Translation
from mix2api.process.parts import Role
from mix2api.process.running import Started, run_process
from mix2api.sealing import Seal
from mix2api.sessions.commands import AcceptTurn, RecordChunk
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import fold
from mix2api.sessions.lineage import lineage_steps
from mix2api.sessions.state import VACANT, SessionState
from mix2api.settings import load_settings
from mix2api.steps import Steps
from mix2api.tools.checks import tool_check_steps
from mix2api.tools.ids import CallIds
from mix2api.tools.legacy import modern_history
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import Recogniser
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.mix.request import request_body
from mix2api.upstreams.port import Text, UpstreamCall, UpstreamEvent
from mix2api.vocabulary import ChunkKind, Digest, ProcessId, RequestId, RunId
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.turn import Message, Turn

SEAL = Seal(b"a secret for the bench")
RUN = RunId("run_018bcfe568000123456789abcdef")
PACE_S = 0.005
_TEXT_CHARS, _QUICK = 200_000, 8
_OWN = ("__main__", "paths.", "trio", "<", "outcome")


@frozen
class Cost:
    """Of one path over one input."""

    cpu_ms: float
    longest_ms: float


def stepped(steps: Iterator[Any]) -> Cost:
    """CPU of all steps, and of the longest."""
    total = longest = 0.0
    over = False
    while not over:
        begun = time.process_time()
        try:
            next(steps)
        except Exception:  # noqa: BLE001 - a refusal ends the work as well
            over = True
        took = (time.process_time() - begun) * 1000
        total, longest = total + took, max(longest, took)
    return Cost(total, longest)


def single(work: Callable[[], object]) -> Steps[None]:
    """Work of one step."""
    work()
    return
    yield


def _events(state: SessionState, command: Any) -> SessionState:
    return fold(decide(state, command), state)


def translated(batch: list[UpstreamEvent], *, in_text: bool) -> Steps[None]:
    """A batch through translation, decisions and the fold, portion by portion."""
    known = frozenset(OFFERED)
    numbers = iter(range(10**9))
    ids = CallIds(lambda: f"call_drawn_{next(numbers)}", lambda _: False)
    reader = Recogniser(OfferedTools(names=known)) if in_text else None
    made = Translation(RUN, SEAL, CallRules(callable_names=known, ids=ids), reader)
    state = _opened()
    is_left = made.take(batch)
    while True:
        for command in made.tally.commands:
            state = _events(state, command)
        made.tally.commands.clear()
        made.answer.replies.clear()
        if not is_left:
            return
        yield
        is_left = made.go_on()


def _opened() -> SessionState:
    from mix2api.events.kinds import Request, UpstreamChunk  # noqa: PLC0415 - only here

    process = ProcessId("p_0123456789ab")
    request = Request(
        run_id=RUN,
        seq=0,
        request_id=RequestId("q"),
        at_ms=1,
        client="other",
        model="m",
        stream=True,
        messages_all=1,
        messages_new=1,
        body_bytes=1,
        edge=process,
        worker=process,
    )
    state = _events(VACANT, AcceptTurn(request=request, results=()))
    return _events(state, RecordChunk(UpstreamChunk(run_id=RUN, seq=0, kind=ChunkKind.OPEN, at_ms=1)))


def history_paths(messages: list[Message]) -> dict[str, Callable[[], Steps[Any]]]:
    """The paths over a history."""
    turn = Turn(model="m", messages=messages, stream=True)
    asked = UpstreamCall(run_id=RUN, request_id=RequestId("q"), turn=turn, messages=messages)
    options = MixOptions(base_url="http://site.example")
    return {
        "checks": partial(tool_check_steps, turn),
        "lineage": partial(lineage_steps, messages, Digest("r"), SEAL.digester("lineage")),
        "today's form": partial(single, partial(modern_history, messages)),
        "site's request": partial(single, partial(request_body, asked, options)),
    }


def rows(scale: int) -> Iterator[tuple[str, str, int, Callable[[int], Iterator[Any]]]]:
    """Path, input, n, and what makes the steps for a size."""
    for name, text in TEXTS.items():
        n = _TEXT_CHARS // scale // max(1, len(text(1001)) // 1000 - len(text(1)) // 1000)
        yield "text", name, n, lambda n, text=text: translated([Text(text(n))], in_text=True)
    for name, answer in ANSWERS.items():
        yield "calls", name, 400 // scale, lambda n, answer=answer: translated(answer(n), in_text=False)
    for name, body in BODIES.items():
        yield "body", name, 40_000 // scale, lambda n, body=body: chat_request_steps(body(n))
    for name, history in HISTORIES.items():
        for path in history_paths(history(1)):
            yield path, name, 2000 // scale, lambda n, h=history, path=path: history_paths(h(n))[path]()


def measure_paths(scale: int, only: str) -> None:
    """The first table."""
    print(
        "| path | input | n | CPU at n, ms | at 2n, ms | ratio | longest step, ms |\n|---|---|---:|---:|---:|---:|---:|"
    )
    for path, name, n, make in rows(scale):
        if only not in f"{path}: {name}":
            continue
        costs = []
        for size in (n, 2 * n):
            prepared = [make(size) for _ in range(3)]
            gc.collect()
            costs.append(min((stepped(iter(each)) for each in prepared), key=lambda cost: cost.cpu_ms))
        small, large = costs
        ratio = large.cpu_ms / small.cpu_ms if small.cpu_ms else 0.0
        print(
            f"| {path} | {name} | {n} | {small.cpu_ms:.1f} | {large.cpu_ms:.1f} | {ratio:.2f} | {large.longest_ms:.1f} |",
            flush=True,
        )


class LongestStep(trio.abc.Instrument):
    """The longest step of a task of the product, since it was last asked for: CPU of the thread, so that it is its own."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.task = ""
        self._begun = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - trio's form
        """A task goes on."""
        self._begun = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """It waits again."""
        took = (time.thread_time() - self._begun) * 1000
        if took > self.ms and not task.name.startswith(_OWN):
            self.ms, self.task = took, task.name

    def taken(self) -> tuple[float, str]:
        """The longest step, and whose it was; counting begins anew."""
        found = self.ms, self.task
        self.ms, self.task = 0.0, ""
        return found


@define
class Site:
    """Answers what the prompt names: a quiet stream, or prepared bytes."""

    answers: dict[str, bytes]

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        """Serves until it is cancelled; gives its port."""
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._handle, 0, host="127.0.0.1"))
            task_status.started(listeners[0].socket.getsockname()[1])

    async def _handle(self, stream: trio.SocketStream) -> None:
        try:
            asked = await _read_message(stream)
            if b"hostile:" not in asked:
                await self._quiet(stream)
                return
            name = asked.partition(b"hostile:")[2].partition(b";")[0].decode()
            await stream.send_all(self.answers[name])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _quiet(self, stream: trio.SocketStream) -> None:
        await stream.send_all(_HEAD + b'data: {"type":"start","messageMetadata":{"sessionId":"s"}}\n\n')
        while True:
            frame = {"type": "text-delta", "delta": f"{time.perf_counter()};"}
            await stream.send_all(b"data: " + msgspec.json.encode(frame) + b"\n\n")
            await trio.sleep(PACE_S)


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


async def _read_message(stream: trio.SocketStream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    pieces, size = [body], len(body)
    while size < length:
        pieces.append(await stream.receive_some())
        size += len(pieces[-1])
    return b"".join(pieces)


@asynccontextmanager
async def product(directory: str, answers: dict[str, bytes]) -> AsyncIterator[int]:
    """The product over its embedded store and a site with these answers; gives its port."""
    async with trio.open_nursery() as nursery:
        site = await nursery.start(Site(answers).serve)
        environ = {
            "UPSTREAM_API_BASE": f"http://127.0.0.1:{site}",
            "UPSTREAM_AUTH_MODE": "none",
            "MIX2API_DATA_DIR": directory,
            "MIX2API_LOG_LEVEL": "error",
            "PORT": "0",
        }
        stop = trio.Event()
        started: Started = await nursery.start(
            partial(run_process, load_settings(environ, None), Role.SERVE, stop=stop)
        )
        yield int(str(started.url).rpartition(":")[2])
        stop.set()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _asked(port: int, body: bytes) -> AsyncIterator[trio.SocketStream]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer sk-bench\r\n"
        b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    async with stream:
        await stream.send_all(head + body)
        yield stream


class Quiet:
    """A client with one stream: how late its frames come."""

    def __init__(self) -> None:
        self.late_ms = 0.0
        self.frames = 0

    async def listen(self, port: int, *, task_status: trio.TaskStatus[None]) -> None:
        """Reads for ever. Each frame says when the site sent it."""
        body = msgspec.json.encode(
            {"model": "m", "stream": True, "messages": [{"role": "user", "content": "be quiet"}]}
        )
        told, rest = False, b""
        async with _asked(port, body) as stream:
            async for data in stream:
                *lines, rest = (rest + data).split(b"\n")
                for sent in _times(lines):
                    self.late_ms = max(self.late_ms, (time.perf_counter() - sent) * 1000)
                    self.frames += 1
                if self.frames and not told:
                    told = True
                    task_status.started()


def _times(lines: list[bytes]) -> Iterator[float]:
    """When the site sent what these lines hold: one chunk may carry the text of several frames, or a part of one."""
    for line in lines:
        text = line.partition(b'"content":"')[2].partition(b'"')[0]
        yield from (float(each) for each in text.split(b";") if each)


async def _whole(port: int, body: bytes) -> tuple[str, float]:
    begun = time.perf_counter()
    async with _asked(port, body) as stream:
        answer = b"".join([data async for data in stream])
    took = time.perf_counter() - begun
    word = answer[-400:].rpartition(b'"end_reason":"')[2].partition(b'"')[0]
    status = answer[9:12].decode()
    return (f"{status} {word.decode()}" if b'"end_reason"' in answer[-400:] else status), took


async def measure_system(only: str) -> None:
    """The second table."""
    print(
        "\n| input | MB | answered | took, s | longest step, ms | of | quiet stream late, ms | its frames |"
    )
    print("|---|---:|---|---:|---:|---|---:|---:|")
    answers = {name: _HEAD + make() for name, make in SYSTEM_ANSWERS.items()}
    inputs = [each for each in _system_inputs(answers) if only in each[0]]
    instrument = LongestStep()
    trio.lowlevel.add_instrument(instrument)
    with tempfile.TemporaryDirectory(prefix="mix2api-paths-") as directory:
        async with product(directory, answers) as port, trio.open_nursery() as nursery:
            quiet = Quiet()
            await nursery.start(quiet.listen, port)
            for name, size, body in inputs:
                instrument.taken()
                quiet.late_ms, quiet.frames = 0.0, 0
                said, took = await _whole(port, body)
                await trio.sleep(0.2)
                ms, task = instrument.taken()
                print(
                    f"| {name} | {size / 1e6:.1f} | {said} | {took:.2f} | {ms:.1f} | {task} "
                    f"| {quiet.late_ms:.1f} | {quiet.frames} |",
                    flush=True,
                )
            nursery.cancel_scope.cancel()


def _system_inputs(answers: dict[str, bytes]) -> Iterator[tuple[str, int, bytes]]:
    tool = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
    yield (
        "nothing",
        0,
        msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hostile:nothing;"}]}),
    )
    for name, answer in answers.items():
        for stream in (True, False):
            asked = {
                "model": "m",
                "stream": stream,
                "tools": [tool],
                "messages": [{"role": "user", "content": f"hostile:{name};"}],
            }
            how = "streamed" if stream else "whole"
            yield f"answer, {how}: {name}", len(answer), msgspec.json.encode(asked)
    for name, make in SYSTEM_BODIES.items():
        body = make()
        yield f"request: {name}", len(body), body


def main() -> None:
    """Prints both tables."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--quick", action="store_true", help="an eighth of each n")
    asked.add_argument("--only", default="", help="rows whose name holds this word")
    given = asked.parse_args()
    measure_paths(_QUICK if given.quick else 1, given.only)
    trio.run(measure_system, given.only)


if __name__ == "__main__":
    sys.exit(main())
