"""Traces of the runs that this process chooses, written behind the answers' backs."""

from typing import Final

import trio
from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from mix2api.actors.environment import Completed
from mix2api.errors import StoreUnavailable
from mix2api.projections.traced_content import GivenAnswer, TracedContent, excerpt_of, redacted
from mix2api.projections.traces import Trace, TraceRule
from mix2api.sealing import Seal
from mix2api.settings import Settings
from mix2api.settings.choices import TraceMode
from mix2api.settings.tracing import FAILED, SLOW
from mix2api.store.traces import TraceBounds, Traces
from mix2api.vocabulary import ClientName

_WAITING: Final = {TraceMode.METADATA: 1000, TraceMode.CONTENT: 100}
"""Traces that may wait for Redis: half a megabyte, or 10 MB at most. Beyond it they are lost, and counted in the log."""


class Tracing:
    """One process's.

    Args:
        traces: where they go.
        rule: which runs are traced.
        bounds: how long and how many.
        mode: what a trace holds.
        seal: draws, by the run's id.
        logger: told of traces that were lost.
    """

    def __init__(
        self,
        traces: Traces,
        rule: TraceRule,
        bounds: TraceBounds,
        mode: TraceMode,
        seal: Seal,
        logger: FilteringBoundLogger,
    ) -> None:
        self._traces = traces
        self._mode = mode
        self._rule = rule
        self._bounds = bounds
        self._seal = seal
        self._logger = logger
        self._put, self._waiting = trio.open_memory_channel[Trace](_WAITING[mode])
        self._lost = 0

    def on_completed(self, completed: Completed) -> None:
        """A run ended. Never waits and never fails."""
        trace = _trace_of(completed)
        if not self._rule.chooses(trace, int(self._seal.digest(trace.run_id, "trace")[:8], 16)):
            return
        if self._mode is TraceMode.CONTENT:
            trace = replace(trace, content=_excerpt(completed))
        try:
            self._put.send_nowait(trace)
        except trio.WouldBlock:
            self._lost += 1

    async def keep(self) -> None:
        """Writes what was chosen, for ever."""
        async for trace in self._waiting:
            if trace.content is not None:
                trace = replace(trace, content=redacted(trace.content))  # noqa: PLW2901 - the one form that is kept
            try:
                await self._traces.keep(trace, self._bounds)
            except StoreUnavailable:
                self._lost += 1
            else:
                self._tell_lost()

    def _tell_lost(self) -> None:
        if self._lost:
            self._logger.warning("traces.lost", count=self._lost)
            self._lost = 0


def trace_rule(settings: Settings) -> TraceRule:
    """Which runs are traced."""
    kept = settings.tracing.keep
    clients = frozenset(name for name in ClientName if name.value in kept)
    return TraceRule(rate=settings.tracing.rate, failed=FAILED in kept, slow=SLOW in kept, clients=clients)


def trace_bounds(settings: Settings) -> TraceBounds:
    """How long traces live, and how many there are."""
    return TraceBounds(life_ms=settings.tracing.retention_ms, most=settings.tracing.max_entries)


def _trace_of(completed: Completed) -> Trace:
    request, end = completed.request, completed.end
    return Trace(
        at_ms=request.at_ms,
        run_id=request.run_id,
        request_id=request.request_id,
        session_id=completed.session_id,
        client=request.client,
        channel=request.channel,
        model=request.model,
        stream=request.stream,
        tools_present=request.tools_present,
        resolution=request.resolution,
        end_reason=end.end_reason,
        detail=end.detail,
        http_status=end.http_status,
        upstream_status=end.upstream_status,
        first_token_ms=end.first_token_ms,
        total_ms=end.total_ms,
        chunks=completed.chunks,
    )


def _excerpt(completed: Completed) -> TracedContent:
    answer = completed.answer
    if answer is None:
        return excerpt_of(completed.messages, GivenAnswer())
    calls = () if answer.calls is None else answer.calls.given()
    return excerpt_of(
        completed.messages, GivenAnswer(thoughts=answer.thoughts, texts=answer.texts, calls=calls)
    )
