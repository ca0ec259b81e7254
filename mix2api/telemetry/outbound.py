"""Calls of the site: a span and the `gen_ai.client` metrics of each, and the `traceparent` that the site is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from attrs import define, evolve, field
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from mix2api.events.kinds import Usage
from mix2api.telemetry import names
from mix2api.telemetry.observation import Observer
from mix2api.telemetry.trace_context import context_of, traceparent_of
from mix2api.upstreams.finish_reasons import finish_of
from mix2api.upstreams.port import (
    CONTENT,
    AbortedByUpstream,
    Failed,
    Finished,
    Opened,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
    UpstreamStream,
    UsageSeen,
)
from mix2api.vocabulary import Detail, FinishReason

_CANCELLED: Final = "cancelled"
"""`error.type` of a call that the adapter gave up: its client had left, or a limit had passed."""


@define(eq=False)
class _Call:
    """One call, as far as it has got."""

    observer: Observer
    span: Span
    model: str
    started_ms: float
    last_ms: float
    """Monotonic, when the site said something last."""
    status: int | None = field(default=None, init=False)
    error: str | None = field(default=None, init=False)
    finish: str | None = field(default=None, init=False)
    usage: Usage | None = field(default=None, init=False)
    _output_ms: float | None = field(default=None, init=False)
    """When the last output came."""

    def heard(self, batch: list[UpstreamEvent]) -> None:
        """The site said this."""
        self.last_ms = self.observer.clock.monotonic_ms()
        if not CONTENT.isdisjoint(map(type, batch)):
            self._output(self.last_ms)
        for event in batch:
            match event:
                case Opened():
                    self.status = event.status
                case UsageSeen():
                    self.usage = event.usage
                case Finished():
                    self.finish = _finish_word(event.reason)
                case Failed():
                    self.error = event.detail.value
                case AbortedByUpstream():
                    self.error = Detail.ABORTED.value
                case _:
                    pass

    def failed(self, fault: UpstreamFault) -> None:
        """The call failed outside the site's frames."""
        self.last_ms = self.observer.clock.monotonic_ms()
        self.error = fault.detail.value
        self.status = self.status or fault.status

    def close(self) -> None:
        """Ends the span and records the metrics."""
        if self.finish is None and self.error is None:
            self.last_ms = self.observer.clock.monotonic_ms()
            self.error = _CANCELLED
        self._tell_span()
        instruments, about = self.observer.instruments, self._labels()
        taken_ms = self.last_ms - self.started_ms
        instruments.client_duration.record(taken_ms / 1000, about)
        if self.usage is not None:
            for kind, count in (
                ("input", self.usage.prompt_tokens),
                ("output", self.usage.completion_tokens),
            ):
                instruments.client_tokens.record(count, {**about, names.TOKEN_KIND: kind})
        self.span.end(self.observer.started_ns(self.last_ms))

    def _output(self, now_ms: float) -> None:
        instruments, before_ms = self.observer.instruments, self._output_ms
        self._output_ms = now_ms
        if before_ms is None:
            instruments.client_first_chunk.record((now_ms - self.started_ms) / 1000, self._labels())
        else:
            instruments.client_per_chunk.record((now_ms - before_ms) / 1000, self._labels())

    def _tell_span(self) -> None:
        span = self.span
        if self.status is not None:
            span.set_attribute(names.STATUS, self.status)
        if self.error is not None:
            span.set_attribute(names.ERROR_TYPE, self.error)
            span.set_status(StatusCode.ERROR)
            if self._output_ms is not None and self.error != _CANCELLED:
                self.finish = names.FAILED_FINISH
        if self.finish is not None:
            span.set_attribute(names.FINISH_REASONS, [self.finish])
        if self.usage is not None:
            span.set_attribute(names.INPUT_TOKENS, self.usage.prompt_tokens)
            span.set_attribute(names.OUTPUT_TOKENS, self.usage.completion_tokens)

    def _labels(self) -> dict[str, AttributeValue]:
        labels = _about(self.observer, self.model)
        if self.error is not None:
            labels[names.ERROR_TYPE] = self.error
        return labels


class ObservedUpstream:
    """The port `mix2api.upstreams.port.Upstream` around another one.

    Args:
        inner: is called.
        observer: of the process.
    """

    def __init__(self, inner: Upstream, observer: Observer) -> None:
        self._inner = inner
        self._observer = observer

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator["ObservedStream"]:
        """As the inner one does; the site is sent the span's `traceparent`.

        Raises:
            UpstreamFault: what the inner one raises.
        """
        observer, began_ms = self._observer, self._observer.clock.monotonic_ms()
        model = names.model_word(call.turn.model, observer.models)
        span = observer.tracer.start_span(
            f"{names.CHAT} {model}",
            context_of(call.traceparent),
            SpanKind.CLIENT,
            {**_about(observer, model), names.RUN_ID: call.run_id},
            start_time=observer.started_ns(began_ms),
        )
        watched = _Call(observer, span, model, began_ms, began_ms)
        try:
            async with self._inner.open(evolve(call, traceparent=traceparent_of(span))) as stream:
                yield ObservedStream(stream, watched)
        except UpstreamFault as fault:
            watched.failed(fault)
            raise
        finally:
            watched.close()


class ObservedStream:
    """The port `mix2api.upstreams.port.UpstreamStream` around another one."""

    def __init__(self, inner: UpstreamStream, call: _Call) -> None:
        self._inner = inner
        self._batches = aiter(inner)
        self._call = call

    def __aiter__(self) -> "ObservedStream":
        """Itself: there is one answer."""
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        """The next batch.

        Raises:
            UpstreamFault: see the port.
        """
        batch = await anext(self._batches)
        self._call.heard(batch)
        return batch

    def pause(self) -> None:
        """See the port."""
        self._inner.pause()

    async def aclose(self) -> None:
        """See the port."""
        await self._inner.aclose()


def _about(observer: Observer, model: str) -> dict[str, AttributeValue]:
    return {names.OPERATION: names.CHAT, names.PROVIDER: observer.provider, names.REQUEST_MODEL: model}


def _finish_word(reason: str | None) -> str:
    """The site's reason in OpenAI's words; where what the answer holds decides, it is `stop` to who asks from outside."""
    return (finish_of(reason) or FinishReason.STOP).value
