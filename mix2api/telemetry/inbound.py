"""Requests at the edge are observed by wrapping two ports; refused requests, too.

`ObservedEndpoint` sees a request from its head to the end of its answer. `ObservedDispatch` sees the turn and its replies, and
gives the turn the `traceparent` under which the site is called. They meet in the context of the task that answers.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final, Generic, Protocol, TypeVar

from attrs import evolve
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from mix2api.errors import ClientVisibleError
from mix2api.events.edge_times import EdgeTimes
from mix2api.sessions.worker_port import Dispatch, Replies, Reply, Sink, Submission
from mix2api.telemetry import names
from mix2api.telemetry.observation import Observation, Observer
from mix2api.telemetry.trace_context import TRACEPARENT, context_of, traceparent_of
from mix2api.vocabulary import Detail, EndReason, Receipt


class Asked(Protocol):
    """What is read of a request."""

    route: str | None
    started_ms: float

    @property
    def given(self) -> Mapping[bytes, bytes]:
        """Header name in lower case -> value."""
        ...

    @property
    def client(self) -> str:
        """A `ClientName`."""
        ...


A = TypeVar("A", bound=Asked)
A_contra = TypeVar("A_contra", bound=Asked, contravariant=True)


class Endpoint(Protocol[A_contra]):
    """Answers the requests of one API."""

    async def answer(self, request: A_contra) -> None:
        """Answers one.

        Raises:
            ClientVisibleError: refused.
        """
        ...


_current: Final[ContextVar[Observation | None]] = ContextVar("mix2api.telemetry", default=None)
"""Of the request that the task answers."""


class ObservedEndpoint(Generic[A]):
    """An endpoint whose requests are observed.

    Args:
        inner: answers.
        observer: of the process.
    """

    def __init__(self, inner: Endpoint[A], observer: Observer) -> None:
        self._inner = inner
        self._observer = observer

    async def answer(self, request: A) -> None:
        """As the inner endpoint does.

        Raises:
            ClientVisibleError: refused.
        """
        observation, is_over = self._begun(request), False
        token = _current.set(observation)
        try:
            await self._inner.answer(request)
            is_over = True
        except ClientVisibleError as error:
            observation.refused(error)
            raise
        finally:
            _current.reset(token)
            observation.close(is_over=is_over)

    def _begun(self, request: A) -> Observation:
        observer, told = self._observer, request.given.get(TRACEPARENT.encode())
        about: dict[str, AttributeValue] = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: observer.provider,
            names.CLIENT: request.client,
            names.METHOD: "POST",
            names.ROUTE: request.route or "",
        }
        span = observer.tracer.start_span(
            names.CHAT,
            context_of(None if told is None else told.decode("latin1")),
            SpanKind.SERVER,
            about,
            start_time=observer.started_ns(request.started_ms),
        )
        return Observation(observer, span, request.started_ms)


class ObservedDispatch:
    """The port `Dispatch` around another one.

    Args:
        inner: takes the turns.
    """

    def __init__(self, inner: Dispatch) -> None:
        self._inner = inner

    async def submit(self, submission: Submission) -> Replies:
        """As the inner one does.

        Raises:
            mix2api.errors.ClientVisibleError: it was not taken.
        """
        observation = _current.get()
        if observation is None:  # not of an observed request
            return await self._inner.submit(submission)
        observation.submitted(submission)
        marked = evolve(submission, traceparent=traceparent_of(observation.span))
        replies = await self._inner.submit(marked)
        observation.taken()
        return _ObservedReplies(replies, observation)


class _ObservedReplies:
    """The port `Replies` around another one."""

    def __init__(self, inner: Replies, observation: Observation) -> None:
        self._inner = inner
        self._observation = observation

    async def take(self) -> list[Reply]:
        replies = await self._inner.take()
        for reply in replies:
            self._observation.heard(reply)
        return replies

    def deliver_to(self, sink: Sink | None) -> None:
        """Without effect: what passes is observed in `take`."""

    def nudge(self) -> None:
        self._inner.nudge()

    def headers_sent(self) -> None:
        self._observation.headers_sent()
        self._inner.headers_sent()

    def abort(self, detail: Detail) -> None:
        self._observation.aborted(detail)
        self._inner.abort(detail)

    def settle(self, receipt: Receipt, told: EndReason | None = None, times: EdgeTimes | None = None) -> None:
        self._inner.settle(receipt, told, times)
