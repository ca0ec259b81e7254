"""Traces of the runs that this process chooses, written behind the answers' backs."""

from typing import Final

import trio
from structlog.typing import FilteringBoundLogger

from mix2api.actors.environment import Completed
from mix2api.errors import StoreUnavailable
from mix2api.projections.traces import Trace, TraceRule
from mix2api.sealing import Seal
from mix2api.settings import Settings
from mix2api.settings.tracing import FAILED, SLOW
from mix2api.store.traces import TraceBounds, Traces
from mix2api.vocabulary import ClientName

_WAITING: Final = 1000
"""Traces that may wait for Redis: half a megabyte. Beyond it they are lost, and counted in the log."""


class Tracing:
    """One process's.

    Args:
        traces: where they go.
        rule: which runs are traced.
        bounds: how long and how many.
        seal: draws, by the run's id.
        logger: told of traces that were lost.
    """

    def __init__(
        self, traces: Traces, rule: TraceRule, bounds: TraceBounds, seal: Seal, logger: FilteringBoundLogger
    ) -> None:
        self._traces = traces
        self._rule = rule
        self._bounds = bounds
        self._seal = seal
        self._logger = logger
        self._put, self._waiting = trio.open_memory_channel[Trace](_WAITING)
        self._lost = 0

    def on_completed(self, completed: Completed) -> None:
        """A run ended. Never waits and never fails."""
        trace = _trace_of(completed)
        if not self._rule.chooses(trace, int(self._seal.digest(trace.run_id, "trace")[:8], 16)):
            return
        try:
            self._put.send_nowait(trace)
        except trio.WouldBlock:
            self._lost += 1

    async def keep(self) -> None:
        """Writes what was chosen, for ever."""
        async for trace in self._waiting:
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
