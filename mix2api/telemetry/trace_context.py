"""`traceparent` in and out (W3C Trace Context). `tracestate` is not carried: it is text of others."""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT: Final = "traceparent"
_propagator: Final = TraceContextTextMapPropagator()


def context_of(traceparent: str | None) -> Context:
    """The context that a `traceparent` names; an empty one, which begins a new trace, where it names none."""
    carrier = {} if traceparent is None else {TRACEPARENT: traceparent}
    return _propagator.extract(carrier, Context())


def traceparent_of(span: Span) -> str | None:
    """What makes others' spans children of this one. None: the span has no valid id, because nothing is traced."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get(TRACEPARENT)
