"""`evolve(state, event) -> state` and `fold`: what each event makes of a session. Pure; reads the table for legality."""

from collections.abc import Iterable
from functools import reduce
from typing import Final

from msgspec.structs import replace

from mix2api.events.kinds import (
    RUNTIME,
    End,
    Event,
    Request,
    SessionNote,
    ToolCall,
    ToolResult,
    UpstreamChunk,
)
from mix2api.sessions.attribution import cause_of
from mix2api.sessions.state import (
    REMEMBERED_CALLS,
    REMEMBERED_RUNS,
    VACANT,
    CalledTool,
    RunState,
    SessionState,
    Stage,
)
from mix2api.sessions.transitions import TRANSITIONS, trigger_of
from mix2api.vocabulary import ChunkKind, Context, SessionWord

_OUTPUT_KINDS: Final = frozenset({ChunkKind.TEXT, ChunkKind.REASONING, ChunkKind.TOOL_INPUT})
CAUSE_KINDS: Final = frozenset({ChunkKind.FINISH, ChunkKind.ERROR, ChunkKind.CAUSE})


class IllegalEvent(ValueError):
    """The table has no row for this event here, it is of another run or out of sequence, or a cause states none."""


def evolve(state: SessionState, event: Event) -> SessionState:
    """The state after one more event.

    Raises:
        IllegalEvent: by the table, the run or the sequence. A live log never holds one; a reader treats it as damage.
    """
    stage = TRANSITIONS.get((state.stage, trigger_of(event)))
    if stage is None:
        raise IllegalEvent(f"{trigger_of(event)} in stage {state.stage}")
    if isinstance(event, SessionNote):
        return _noted(state, event, stage)
    if isinstance(event, Request):
        return _requested(state, event, stage)
    run = state.run
    if run is None or run.run_id != event.run_id or event.seq != run.seq + 1:
        raise IllegalEvent(f"{trigger_of(event)} is not the next event of the run under way")
    if isinstance(event, End):
        return _ended(state, event, stage)
    if isinstance(event, UpstreamChunk):
        return _heard(state, run, event, stage)
    return _moved(state, run, event, stage)


def fold(events: Iterable[Event], start: SessionState = VACANT) -> SessionState:
    """The state after all of them."""
    return reduce(evolve, events, start)


def _noted(state: SessionState, note: SessionNote, stage: Stage) -> SessionState:
    if note.word is SessionWord.RETIRED:
        return replace(state, stage=stage, upstream_session=None, upstream_exchange=None, waits_at=())
    if note.word is SessionWord.GAP:
        run = None if state.run is None else _with_hole(state.run, note.count)
        return replace(state, stage=stage, run=run, gaps=state.gaps + note.count)
    return replace(state, stage=stage)


def _with_hole(run: RunState, lost: int) -> RunState:
    """The run after lost events: they had numbers, and may have told of a call and of output."""
    return replace(run, seq=run.seq + lost, was_called=True, had_output=True)


def _requested(state: SessionState, request: Request, stage: Stage) -> SessionState:
    if request.seq != 1 or request.run_id in state.ended:
        raise IllegalEvent("a request begins its run, once")
    run = RunState(
        run_id=request.run_id,
        seq=1,
        attempt=request.attempt,
        stream=request.stream,
        began_ms=request.at_ms,
        waited_at=state.waits_at,
        counted_tokens=request.counted_tokens,
        is_bridged=request.resolution == RUNTIME,
    )
    return replace(
        state,
        stage=stage,
        run=run,
        waits_at=(),
        opened_ms=state.opened_ms or request.at_ms,
        isolation=request.isolation or state.isolation,
        realm=request.realm or state.realm,
        resolution_reason=request.resolution_reason,
        opening_reason=state.opening_reason if state.opened_ms else request.resolution_reason,
    )


def _ended(state: SessionState, end: End, stage: Stage) -> SessionState:
    return replace(
        state,
        stage=stage,
        run=None,
        turns=state.turns + 1,
        ended=(*state.ended, end.run_id)[-REMEMBERED_RUNS:],
        extended_by=end.run_id if end.context is Context.EXTENDED else state.extended_by,
        last_end=end.end_reason,
        ended_ms=(0 if state.run is None else state.run.began_ms) + end.total_ms,
        context=end.context,
        waits_at=end.waits_at,
        held_tokens=_held(state, end),
    )


def _held(state: SessionState, end: End) -> int | None:
    """What the session holds after a run: with its answer if the context was extended, else what it held."""
    if end.context is not Context.EXTENDED:
        return state.held_tokens
    before = None if state.run is None else state.run.counted_tokens
    return None if before is None or end.usage is None else before + end.usage.completion_tokens


def _moved(state: SessionState, run: RunState, event: ToolResult | ToolCall, stage: Stage) -> SessionState:
    if isinstance(event, ToolResult):
        return replace(state, stage=stage, run=replace(run, seq=event.seq))
    called = replace(run, seq=event.seq, tool_calls=(*run.tool_calls, event.index), had_output=True)
    return replace(state, stage=stage, run=called, calls=_remembered(state, event, called))


def _remembered(state: SessionState, call: ToolCall, run: RunState) -> tuple[CalledTool, ...]:
    known = CalledTool(tool_call_id=call.tool_call_id, upstream_call_id=call.upstream_call_id, name=call.name)
    return (*state.calls, known)[-max(REMEMBERED_CALLS, len(run.tool_calls)) :]


def _heard(state: SessionState, run: RunState, chunk: UpstreamChunk, stage: Stage) -> SessionState:
    output = chunk.kind in _OUTPUT_KINDS
    cause = cause_of(chunk) if chunk.kind in CAUSE_KINDS else None
    if cause is None and chunk.kind in CAUSE_KINDS:
        # A run that concludes without a cause could never be ended.
        raise IllegalEvent(f"{trigger_of(chunk)} without a cause")
    heard = replace(
        run,
        seq=chunk.seq,
        last_ms=chunk.at_ms,
        cause=run.cause or cause,
        frames=run.frames + chunk.frames,
        last_frame=max(run.last_frame, chunk.last_frame),
        size_bytes=run.size_bytes + chunk.size_bytes,
        first_token_ms=chunk.at_ms if output and run.first_token_ms is None else run.first_token_ms,
        upstream_status=chunk.upstream_status or run.upstream_status,
        usage=chunk.usage or run.usage,
        was_called=run.was_called or chunk.kind is ChunkKind.OPEN,
        was_started=run.was_started or chunk.kind is ChunkKind.START,
        perhaps_taken=run.perhaps_taken or chunk.perhaps_taken,
        had_output=run.had_output or output,
    )
    return replace(
        state,
        stage=stage,
        run=heard,
        upstream_session=chunk.upstream_session or state.upstream_session,
        upstream_exchange=chunk.upstream_exchange or state.upstream_exchange,
    )
