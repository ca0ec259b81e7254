"""What the edge reports of requests that were never accepted, and of its own faults. Wired to the log by `cli`."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from attrs import frozen

from mix2api.clock import Clock
from mix2api.edge.request import EdgeRequest
from mix2api.endings import given_up_for, status_of
from mix2api.errors import AdapterError, ClientVisibleError, NoDescriptor, Overloaded
from mix2api.events.edge_times import EdgeTimes
from mix2api.identity import Mint
from mix2api.redaction import place_of
from mix2api.sessions.worker_port import Ended
from mix2api.vocabulary import Channel, ClientName, Detail, EndReason, RequestId, RunId

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Any word may stand in a request line; only these stand in a report."""


@frozen(kw_only=True)
class RefusedRequest:
    """One request that ended at the edge: the canonical line's fields, and no content."""

    request_id: RequestId
    run_id: RunId | None = None
    """Known once the turn was handed to the worker."""
    method: str
    route: str
    """One of our routes, `none` where the path is unknown: a caller's path may hold anything."""
    client: str
    """A `ClientName`."""
    model: str | None = None
    """A configured name; None where it is another one or not known."""
    stream: bool | None = None
    tools_present: bool | None = None
    end_reason: EndReason
    detail: str | None = None
    http_status: int
    reject_reason: str | None = None
    """The envelope's `code`."""
    param: str | None = None
    """The envelope's `param`: a path in the request's shape, never a value."""
    body_bytes: int = 0
    duration_ms: float = 0
    times: EdgeTimes | None = None
    """Of a chat request, step by step."""
    worker_channel: Channel | None = None
    """Of the worker in another process that the turn was sent to; None: it stayed in this one."""


@frozen(kw_only=True)
class EdgeFault:
    """A fault of ours: class and place. Never the exception's text, which may quote a payload."""

    exception: str
    place: str
    """As `FaultPlace.at`."""
    request_id: RequestId | None = None

    @classmethod
    def of(cls, fault: BaseException, request_id: RequestId | None = None) -> "EdgeFault":
        """Class and place of an exception."""
        return cls(exception=type(fault).__name__, place=place_of(fault).at, request_id=request_id)


class EdgeObserver(Protocol):
    """Who is told."""

    def on_refused(self, refused: RefusedRequest) -> None:
        """A request ended without having been accepted."""
        ...

    def on_fault(self, fault: EdgeFault) -> None:
        """Something of ours broke."""
        ...

    def on_exhausted(self) -> None:
        """No file descriptor is left: connections wait in the kernel's queue."""
        ...

    def on_headers(self, request_id: RequestId, headers: Mapping[str, str]) -> None:
        """A request's headers, for whoever debugs. They are not redacted yet."""
        ...

    def on_body(self, request_id: RequestId, told: list[str]) -> None:
        """The beginning of a body, for whoever debugs, redacted (`mix2api.redaction.redact_body`)."""
        ...

    def on_limit_ignored(self, param: str) -> None:
        """A request went on without its output limit, which was none."""
        ...


OnFault = Callable[[EdgeFault], None]


class Refusals:
    """Makes the reports.

    Args:
        models: configured names; only these stand in a report in clear.
        clock: measures how long a request took to be refused.
        observer: who is told.
        expose_stack: name the place of a fault in its answer.
    """

    def __init__(
        self, models: tuple[str, ...], clock: Clock, observer: EdgeObserver, *, expose_stack: bool = False
    ) -> None:
        self._models = frozenset(models)
        self._clock = clock
        self._observer = observer
        self._expose_stack = expose_stack

    def fault(self, fault: EdgeFault) -> None:
        """Something of ours broke."""
        self._observer.on_fault(fault)

    def broken(self, fault: Exception, request_id: RequestId) -> AdapterError:
        """Something of ours broke while it answered a request. Gives what its client is told."""
        told = EdgeFault.of(fault, request_id)
        self._observer.on_fault(told)
        place = f" ({told.exception} at {told.place})" if self._expose_stack else ""
        return AdapterError(f"The adapter failed{place}.")

    def ignored(self, param: str) -> None:
        """A request went on without this output limit, which was none."""
        self._observer.on_limit_ignored(param)

    def exhausted(self) -> None:
        """No file descriptor is left."""
        self._observer.on_exhausted()

    def refused(self, request: EdgeRequest, error: ClientVisibleError) -> None:
        """A request was answered with an error before any turn was submitted, or because it could not be."""
        request.was_refused = True
        self._observer.on_refused(
            self._report(
                request,
                end_reason=error.end_reason,
                detail=_detail_of(error),
                http_status=error.status,
                reject_reason=error.error_code,
                param=error.param,
                worker_channel=error.worker_channel if isinstance(error, Overloaded) else None,
            )
        )

    def unread(self, error: ClientVisibleError) -> RequestId:
        """Something that is not read as a request was answered with an error. Gives the id of that answer."""
        request_id = Mint.request_id()
        self._observer.on_refused(
            RefusedRequest(
                request_id=request_id,
                method="other",
                route="none",
                client=ClientName.OTHER.value,
                end_reason=error.end_reason,
                detail=_detail_of(error),
                http_status=error.status,
                reject_reason=error.error_code,
            )
        )
        return request_id

    def abandoned(self, request: EdgeRequest, cause: Detail) -> None:
        """A request was given up before its turn was accepted, and nobody was answered.

        Args:
            request: the request.
            cause: why (`mix2api.edge.delivery.Delivery.close`).
        """
        request.was_refused = True
        end_reason = given_up_for(cause)
        self._observer.on_refused(
            self._report(
                request,
                run_id=request.submitted_as,
                end_reason=end_reason,
                detail=cause.value,
                http_status=status_of(end_reason),
            )
        )

    def unaccepted(self, request: EdgeRequest, run_id: RunId, ended: Ended) -> None:
        """A submitted turn ended before the log knew of it."""
        request.was_refused = True
        self._observer.on_refused(
            self._report(
                request,
                run_id=run_id,
                end_reason=ended.end_reason,
                detail=ended.detail,
                http_status=ended.http_status,
                reject_reason=ended.error_code,
                param=ended.param,
                worker_channel=ended.worker_channel,
            )
        )

    def _report(self, request: EdgeRequest, **ending: Any) -> RefusedRequest:
        turn = request.turn
        return RefusedRequest(
            request_id=request.request_id,
            method=request.method if request.method in _METHODS else "other",
            route=request.route or "none",
            client=request.client.value,
            model=turn.model if turn is not None and turn.model in self._models else None,
            stream=turn.stream if turn is not None else None,
            tools_present=bool(turn.tools) if turn is not None else None,
            body_bytes=request.body.received,
            duration_ms=self._clock.monotonic_ms() - request.started_ms,
            times=None if request.watch is None else request.watch.times(is_written=False),
            **ending,
        )


def _detail_of(error: ClientVisibleError) -> str | None:
    return error.detail.value if isinstance(error, Overloaded | NoDescriptor) else None
