"""Commands with short names, and scripts of them, for the tests of sessions, projections and commands.

One run `RUN` unless a test names another; times are milliseconds since the run began.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from mix2api.events.kinds import Event, Request, ToolCall, ToolResult, UpstreamChunk, Usage
from mix2api.sessions.commands import (
    AcceptTurn,
    Command,
    ConcludeRun,
    RecordChunk,
    RecordToolCall,
    RecoverRun,
    StopRun,
)
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import fold
from mix2api.sessions.state import VACANT, SessionState
from mix2api.vocabulary import (
    ChunkKind,
    Detail,
    Digest,
    EndReason,
    FinishReason,
    ProcessId,
    RequestId,
    RunId,
    Sealed,
)

RUN = RunId("run_018bcfe568000123456789abcdef")
PROCESS = ProcessId("p_0123456789ab")
USAGE = Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12)


def accept(run: RunId = RUN, results: tuple[ToolResult, ...] = (), **fields: Any) -> AcceptTurn:
    """A small streamed request; `fields` are `Request`'s own."""
    known: dict[str, Any] = {
        "request_id": RequestId("req-1"),
        "at_ms": 1_700_000_000_000,
        "client": "opencode",
        "model": "mix/qwen-3-235b-instruct",
        "stream": True,
        "messages_all": 2,
        "messages_new": 2,
        "body_bytes": 210,
        "edge": PROCESS,
        "worker": PROCESS,
    }
    return AcceptTurn(request=Request(run_id=run, seq=0, **(known | fields)), results=results)


def chunk(kind: ChunkKind, run: RunId = RUN, at_ms: int = 10, **fields: Any) -> RecordChunk:
    """What the upstream said; `fields` are `UpstreamChunk`'s own."""
    return RecordChunk(UpstreamChunk(run_id=run, seq=0, kind=kind, at_ms=at_ms, **fields))


def tool_call(index: int, run: RunId = RUN) -> RecordToolCall:
    """The call at that index."""
    return RecordToolCall(
        ToolCall(
            run_id=run,
            seq=0,
            tool_call_id=f"call_{index}",
            upstream_call_id=Sealed("c2VhbGVk"),
            name=Digest("a" * 32),
            index=index,
            argument_bytes=17,
            digest=Digest("b" * 32),
        )
    )


def stop(
    reason: EndReason = EndReason.CLIENT_ABORT,
    detail: Detail | str | None = Detail.HUNG_UP,
    run: RunId = RUN,
    at_ms: int = 60,
) -> StopRun:
    """A cause that is not the upstream's."""
    return StopRun(run_id=run, at_ms=at_ms, end_reason=reason, detail=detail)


def conclude(run: RunId = RUN, at_ms: int = 90, *, headers_sent: bool = True) -> ConcludeRun:
    """The end."""
    return ConcludeRun(run_id=run, at_ms=at_ms, headers_sent=headers_sent)


def recover(detail: Detail | None = None, run: RunId = RUN, at_ms: int = 7_000) -> RecoverRun:
    """The end of a run whose process is gone."""
    return RecoverRun(run_id=run, at_ms=at_ms, process=PROCESS, detail=detail)


def good_run(run: RunId = RUN, **fields: Any) -> list[Command]:
    """A stream that ends well: five frames, usage, ids."""
    ids = {"upstream_session": Sealed("c2Vzc2lvbg=="), "upstream_exchange": Sealed("ZXhjaGFuZ2U=")}
    return [
        accept(run, **fields),
        chunk(ChunkKind.OPEN, run, 12, upstream_status=200),
        chunk(ChunkKind.START, run, 20, first_frame=1, last_frame=1, frames=1, **ids),
        chunk(ChunkKind.REASONING, run, 30, first_frame=2, last_frame=2, frames=1, size_bytes=9),
        chunk(ChunkKind.TEXT, run, 60, first_frame=3, last_frame=4, frames=2, size_bytes=41, skipped=1),
        chunk(
            ChunkKind.FINISH,
            run,
            80,
            first_frame=5,
            last_frame=5,
            frames=1,
            finish_reason=FinishReason.STOP,
            usage=USAGE,
        ),
        conclude(run),
    ]


def carry_out(state: SessionState, commands: Iterable[Any]) -> tuple[SessionState, list[Event]]:
    """The state after the commands, and the events that they made. No command may be refused."""
    made: list[Event] = []
    for command in commands:
        events = decide(state, command)
        state = fold(events, state)
        made += events
    return state, made


def state_after(commands: Sequence[Any]) -> SessionState:
    """The state of a new session after the commands."""
    return carry_out(VACANT, commands)[0]


def events_of(commands: Sequence[Any]) -> list[Event]:
    """The log of a new session after the commands."""
    return carry_out(VACANT, commands)[1]
