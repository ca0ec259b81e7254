"""`decide(state, command) -> events`: what follows from a command, `()` for a repeat or what comes too late. Pure."""

from typing import assert_never

from msgspec.structs import replace

from mix2api.events.kinds import UNNUMBERED, End, Event, SessionNote, ToolCall, UpstreamChunk
from mix2api.sessions.attribution import Cause, cause_of, context_after, http_status
from mix2api.sessions.commands import (
    AcceptTurn,
    Command,
    ConcludeRun,
    RecordChunk,
    RecordToolCall,
    RecoverRun,
    RetireSession,
    StopRun,
)
from mix2api.sessions.evolve import CAUSE_KINDS
from mix2api.sessions.state import RUNNING, RunState, SessionState, Stage
from mix2api.sessions.transitions import TRANSITIONS, trigger_of
from mix2api.vocabulary import ChunkKind, Context, Detail, Digest, EndReason, SessionWord

Decision = tuple[Event, ...]


class RefusedCommand(Exception):
    """The session cannot do this now. `why` is a word: `busy`, `retired`, `moved_on`, `no_cause`, `out_of_order`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def decide(state: SessionState, command: Command) -> Decision:
    """The events that follow from a command.

    Raises:
        RefusedCommand: a turn for a busy or retired session, a busy one's retirement, an end or a finish without a
            cause, what the table forbids.
    """
    match command:
        case AcceptTurn():
            return _accept(state, command)
        case RecordChunk(chunk):
            return _next(state, chunk)
        case RecordToolCall(call):
            return _next(state, call)
        case StopRun():
            return _next(state, _cause_chunk(command))
        case ConcludeRun():
            return _conclude(state, command)
        case RecoverRun():
            return _recover(state, command)
        case RetireSession(why=why):
            return _retire(state, why)
        case _:
            assert_never(command)


def _accept(state: SessionState, command: AcceptTurn) -> Decision:
    run_id = command.request.run_id
    if run_id in state.ended or (state.run is not None and state.run.run_id == run_id):
        return ()
    if state.stage is Stage.RETIRED:
        raise RefusedCommand("retired")
    if state.stage not in {Stage.VACANT, Stage.WAITING}:
        raise RefusedCommand("busy")
    if command.request.taken is not None and command.request.taken not in state.waits_at:
        raise RefusedCommand("moved_on")
    opening: Decision = ()
    if state.stage is Stage.VACANT:
        opening = (SessionNote(word=SessionWord.OPENED, why=command.request.resolution_reason),)
    results = [replace(result, seq=number) for number, result in enumerate(command.results, start=2)]
    return (*opening, replace(command.request, seq=1), *results)


def _next(state: SessionState, event: UpstreamChunk | ToolCall) -> Decision:
    """The event with the run's next number; nothing for a repeat, another run, or where a cause already stands."""
    run = state.run
    if run is None or run.run_id != event.run_id or state.stage is Stage.CONCLUDING:
        return ()
    if isinstance(event, ToolCall):
        repeats = event.index in run.tool_calls
    elif event.kind is ChunkKind.OPEN:
        repeats = run.was_called
    else:
        repeats = 0 < event.first_frame <= run.last_frame
    if repeats:
        return ()
    if (state.stage, trigger_of(event)) not in TRANSITIONS:
        raise RefusedCommand("out_of_order")
    if isinstance(event, UpstreamChunk) and event.kind in CAUSE_KINDS and cause_of(event) is None:
        raise RefusedCommand("no_cause")
    return (replace(event, seq=run.seq + 1),)


def _cause_chunk(command: StopRun) -> UpstreamChunk:
    return UpstreamChunk(
        run_id=command.run_id,
        seq=UNNUMBERED,
        kind=ChunkKind.CAUSE,
        at_ms=command.at_ms,
        cause=command.end_reason,
        detail=command.detail,
    )


def _conclude(state: SessionState, command: ConcludeRun) -> Decision:
    run = state.run
    if run is None or run.run_id != command.run_id:
        return ()
    if run.cause is None:
        raise RefusedCommand("no_cause")
    perhaps_read = run.was_started or run.perhaps_taken
    context = context_after(run.cause, run.upstream_status, perhaps_read=perhaps_read, called=run.was_called)
    if context is Context.EXTENDED and not command.faithful:
        context = Context.UNKNOWN
    if run.is_bridged:
        context = (
            Context.UNCHANGED
        )  # the runtime's session ends with the run: there is nothing that it changed
    return _ending(run, run.cause, context, command)


def _ending(run: RunState, cause: Cause, context: Context, command: ConcludeRun) -> Decision:
    end = End(
        run_id=run.run_id,
        seq=run.seq + 1,
        end_reason=cause.end_reason,
        detail=cause.detail,
        http_status=http_status(cause, run.upstream_status, headers_sent=command.headers_sent),
        upstream_status=run.upstream_status,
        finish_reason=cause.finish_reason,
        usage=command.usage or run.usage,
        first_token_ms=run.first_token_ms,
        total_ms=command.at_ms,
        frames=run.frames,
        context=context,
        waits_at=_waits_at(context, run, command),
        usage_source=command.usage_source,
        runtime_tools=command.runtime_tools,
    )
    if context is not Context.UNKNOWN:
        return (end,)
    return (end, SessionNote(word=SessionWord.RETIRED, why=cause.end_reason.value, run_id=run.run_id))


def _waits_at(context: Context, run: RunState, command: ConcludeRun) -> tuple[Digest, ...]:
    """Where the session waits now: at the longer history, put back where it was, or nowhere."""
    if context is Context.EXTENDED:
        return command.waits_at
    return run.waited_at if context is Context.UNCHANGED else ()


def _recover(state: SessionState, command: RecoverRun) -> Decision:
    run = state.run
    if run is None or run.run_id != command.run_id:
        return ()
    note = SessionNote(
        word=SessionWord.TAKEN_OVER, why="process_lost", run_id=command.run_id, process=command.process
    )
    stop = StopRun(
        run_id=run.run_id,
        at_ms=max(command.at_ms, run.last_ms),
        end_reason=EndReason.WORKER_LOST,
        detail=command.detail or lost_detail(run),
    )
    stopped = decide(state, stop)  # nothing where a cause stands already: the first wins
    run = replace(run, seq=run.seq + len(stopped))
    cause = run.cause or Cause(stop.end_reason, stop.detail)
    # A whole answer's head leaves with its body: its client had nothing yet.
    conclude = ConcludeRun(run_id=run.run_id, at_ms=stop.at_ms, headers_sent=run.stream and run.had_output)
    # Unknown whatever the cause: the call may have been made and not logged, and no client saw a finish.
    context = Context.UNCHANGED if run.is_bridged else Context.UNKNOWN
    return (note, *stopped, *_ending(run, cause, context, conclude))


def lost_detail(run: RunState) -> Detail:
    """How far a run had come, as far as its events say."""
    if run.had_output:
        return Detail.MID_STREAM
    return Detail.BEFORE_OUTPUT if run.was_called else Detail.BEFORE_UPSTREAM


def _retire(state: SessionState, why: str) -> Decision:
    if state.stage in RUNNING:
        raise RefusedCommand("busy")
    return (SessionNote(word=SessionWord.RETIRED, why=why),) if state.stage is Stage.WAITING else ()
