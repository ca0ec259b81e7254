"""`traceparent` is read as W3C says, and anything else begins a new trace."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import INVALID_SPAN, get_current_span

from mix2api.telemetry.trace_context import context_of, traceparent_of

_GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_trace_goes_on() -> None:
    span = TracerProvider().get_tracer("test").start_span("one", context_of(_GIVEN))
    said = traceparent_of(span)
    assert said is not None
    assert said.split("-")[1] == _GIVEN.split("-")[1]
    assert said.split("-")[2] != _GIVEN.split("-")[2]


@pytest.mark.parametrize("said", [None, "", "garbage", "00-0-0-00", f"ff{_GIVEN[2:]}", "é"])
def test_what_is_no_traceparent_begins_a_trace(said: str | None) -> None:
    assert not get_current_span(context_of(said)).get_span_context().is_valid


def test_a_span_that_is_none_has_no_traceparent() -> None:
    assert traceparent_of(INVALID_SPAN) is None
