"""One request at the edge as its span and its metrics tell of it. No content: words of closed lists, ids and numbers."""

from typing import Final

from attrs import define, field, frozen
from opentelemetry.trace import Span, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from mix2api.clock import Clock
from mix2api.errors import ClientVisibleError
from mix2api.sessions.client_words import status_of_failure
from mix2api.sessions.worker_port import Accepted, Ended, Reply, Submission
from mix2api.telemetry import names
from mix2api.telemetry.instruments import Instruments
from mix2api.vocabulary import SUCCESSES, Detail, EndReason

_STATELESS: Final = "stateless"
"""`Accepted.resolution` where the upstream has no sessions: the id names no conversation then."""
_CLIENT_S: Final = frozenset({Detail.HUNG_UP, Detail.STALLED})
"""Causes of the client's own doing."""
_OK: Final = 200


@frozen(kw_only=True)
class Observer:
    """What all observations of a process share."""

    tracer: Tracer
    instruments: Instruments
    clock: Clock
    provider: str
    """The kind of site."""
    models: frozenset[str]
    """Configured names: only these leave in clear."""

    def started_ns(self, started_ms: float) -> int:
        """Unix nanoseconds of a moment of the monotonic clock."""
        ago_ms = self.clock.monotonic_ms() - started_ms
        return int((self.clock.now_ms() - ago_ms) * 1_000_000)


@define(eq=False)
class Observation:
    """One request, as far as it has got.

    There are two ways to its end. Its answer was given, or it was refused: `close` comes last. Its client left, or a fault cut the
    answer: `close` comes first, and `aborted` says why.
    """

    observer: Observer
    span: Span
    started_ms: float
    """Monotonic, when the request's head was whole."""
    model: str = names.OTHER_MODEL
    _status: int | None = field(default=None, init=False)
    _refusal: str | None = field(default=None, init=False)
    _abort: Detail | None = field(default=None, init=False)
    _is_taken: bool = field(default=False, init=False)
    """A worker has the turn: `aborted` follows where the answer is given up."""
    _is_left: bool = field(default=False, init=False)
    """The endpoint was left without an answer."""
    _first_ms: float | None = field(default=None, init=False)
    _ended_ms: float = field(default=0.0, init=False)
    _ended: Ended | None = field(default=None, init=False)

    def submitted(self, submission: Submission) -> None:
        """A turn was understood."""
        self.model = names.model_word(submission.turn.model, self.observer.models)
        self.span.update_name(f"{names.CHAT} {self.model}")
        self.span.set_attribute(names.REQUEST_MODEL, self.model)

    def taken(self) -> None:
        """The turn was handed over."""
        self._is_taken = True

    def heard(self, reply: Reply) -> None:
        """The worker said this."""
        match reply:
            case Accepted():
                self.span.set_attribute(names.RUN_ID, reply.run_id)
                if reply.resolution != _STATELESS:
                    self.span.set_attribute(names.CONVERSATION, reply.session_id)
            case Ended():
                self._ended, self._ended_ms = reply, self.observer.clock.monotonic_ms()
            case _:
                if self._first_ms is None:
                    self._first_ms = self.observer.clock.monotonic_ms()

    def headers_sent(self) -> None:
        """Status 200 has left."""
        self._status = _OK

    def aborted(self, cause: Detail) -> None:
        """The answer was given up."""
        self._abort = cause
        if self._is_left:
            self._end(is_over=False)

    def refused(self, error: ClientVisibleError) -> None:
        """It was refused before a turn was submitted."""
        self._status, self._refusal = error.status, error.end_reason.value

    def close(self, *, is_over: bool) -> None:
        """The endpoint was left.

        Args:
            is_over: the answer was given.
        """
        if is_over or self._refusal is not None or self._abort is not None or not self._is_taken:
            self._end(is_over=is_over)
        else:
            self._is_left = True

    def _end(self, *, is_over: bool) -> None:
        now_ms, error = self.observer.clock.monotonic_ms(), self._error(is_over=is_over)
        self._tell_span(error)
        self._record(now_ms, error)
        self.span.end()

    def _error(self, *, is_over: bool) -> str | None:
        """Its `error.type`; None: it went well."""
        if self._refusal is not None:
            return self._refusal
        if self._ended is not None and self._ended.end_reason not in SUCCESSES:
            return self._ended.end_reason.value
        if self._abort in _CLIENT_S:
            return EndReason.CLIENT_ABORT.value
        return None if is_over else names.OTHER_ERROR

    def _tell_span(self, error: str | None) -> None:
        span, ended = self.span, self._ended
        status = self._status
        if status is None and ended is not None:
            status = status_of_failure(ended) if ended.end_reason not in SUCCESSES else _OK
        if status is not None:
            span.set_attribute(names.STATUS, status)
        if error is not None:
            span.set_attribute(names.ERROR_TYPE, error)
            span.set_status(StatusCode.ERROR)
        if (finish := self._finish()) is not None:
            span.set_attribute(names.FINISH_REASONS, [finish])
        if ended is not None and ended.usage is not None:
            span.set_attribute(names.INPUT_TOKENS, ended.usage.prompt_tokens)
            span.set_attribute(names.OUTPUT_TOKENS, ended.usage.completion_tokens)

    def _finish(self) -> str | None:
        """The finish that the client was given, or `error` where one was due; None where none was."""
        ended = self._ended
        if ended is not None and ended.end_reason in SUCCESSES:
            return None if ended.finish_reason is None else ended.finish_reason.value
        return names.FAILED_FINISH if self._first_ms is not None and self._abort is None else None

    def _record(self, now_ms: float, error: str | None) -> None:
        instruments, about = self.observer.instruments, self._labels(error)
        instruments.server_duration.record((now_ms - self.started_ms) / 1000, about)
        first_ms, ended = self._first_ms, self._ended
        if error is not None or first_ms is None or ended is None:
            return
        instruments.server_first_token.record((first_ms - self.started_ms) / 1000, about)
        later = 0 if ended.usage is None else ended.usage.completion_tokens - 1
        if later > 0:
            instruments.server_per_token.record((self._ended_ms - first_ms) / 1000 / later, about)

    def _labels(self, error: str | None) -> dict[str, AttributeValue]:
        labels: dict[str, AttributeValue] = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: self.observer.provider,
            names.REQUEST_MODEL: self.model,
        }
        if error is not None:
            labels[names.ERROR_TYPE] = error
        return labels
