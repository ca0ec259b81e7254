"""One HTTP request on its connection: Quart's request with what we know of it, and how its end is noticed."""

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio
from hypercorn.logging import Logger
from hypercorn.typing import ASGIReceiveEvent, ASGISendCallable, HTTPScope
from quart.asgi import ASGIHTTPConnection
from quart_trio.wrappers import TrioRequest

from mix2api.edge.bodies import LimitedBody
from mix2api.edge.clients import client_of
from mix2api.edge.delivery import Delivery, Line
from mix2api.edge.request_ids import request_id_of
from mix2api.vocabulary import ClientName, Detail, RequestId, RunId
from mix2api.wire.turn import Turn

_GIVE_BACK_S: Final = 0.5
"""For the one command that it is. After it the session is lost to its conversation, which goes on in a fresh one."""


class EdgeRequest(TrioRequest):
    """A request, with its headers as plain bytes: Quart's own mapping searches all of them at every look."""

    body_class = LimitedBody
    body: LimitedBody
    line: Line
    """Its connection."""
    delivery: Delivery | None = None
    """Set once a turn was handed to the worker."""
    submitted_as: RunId | None = None
    """Set with it: the id under which the turn went."""
    turn: Turn | None = None
    """Set once the body was understood."""
    give_back: Callable[[], Awaitable[None]] | None = None
    """Set while a session was taken for it: puts that back to where it waited."""
    was_refused = False
    """Its canonical line is written: it ended at the edge."""
    hung_up = False
    """A disconnect message came. It also comes after every answer that was sent whole."""
    started_ms: float = 0
    """Monotonic, when the application got the request."""

    @property
    def given(self) -> dict[bytes, bytes]:
        """Header name in lower case -> value; of repeated ones the last."""
        found: dict[bytes, bytes] | None = self.__dict__.get("_given")
        if found is None:
            found = self.__dict__["_given"] = dict(self.scope["headers"])
        return found

    @property
    def request_id(self) -> RequestId:
        """The caller's or a new one; the same at every look."""
        found: RequestId | None = self.__dict__.get("_request_id")
        if found is None:
            found = self.__dict__["_request_id"] = request_id_of(self.given.get(b"x-request-id"))
        return found

    def end_delivery(self, cause: Detail) -> None:
        """Closes its delivery, if there is one (`Delivery.close`); only the first call has an effect."""
        if self.delivery is not None:
            self.delivery.close(cause)

    async def give_session_back(self) -> None:
        """Puts the session back, if its turn was not accepted; only the first call has an effect."""
        give_back, self.give_back = self.give_back, None
        if give_back is not None and not self.was_accepted:
            await give_back()

    @property
    def was_accepted(self) -> bool:
        """Whether its turn began."""
        return self.delivery is not None and self.delivery.accepted is not None

    @property
    def client(self) -> ClientName:
        """Which of the known clients sent it."""
        return client_of(self.given.get(b"x-client"), self.given.get(b"user-agent"))


class EdgeConnection(ASGIHTTPConnection):
    """One request and its answer, in a task of its own; what the client sends comes by `put`, from the connection's reader.

    A client's abort reaches the handler, or the body that is being sent, as `trio.Cancelled`. So does the server's own
    stop; only a disconnect message is evidence that the client left. Whatever happens and wherever, the delivery is
    closed here: a body's `__aexit__` alone would miss a cancellation between handler and body.

    Args:
        app: answers the request.
        scope: of ASGI.
        send: takes the answer's messages; None for the end.
        log: the server's.
        broken: set once a write to the client has failed.
    """

    def __init__(
        self, app: Any, scope: HTTPScope, send: ASGISendCallable, log: Logger, broken: trio.Event
    ) -> None:
        super().__init__(app, scope)
        self._send = send
        self._log = log
        self._broken = broken
        self._stall_limit_s: float = app.stall_limit_s
        self._tell_abandoned: Callable[[EdgeRequest, Detail], None] = app.report_abandoned
        self._cancel = trio.CancelScope()
        request: EdgeRequest = self._create_request_from_scope(send)  # type: ignore[assignment]
        request.line = self
        self.request: EdgeRequest | None = request
        """None once it was answered: the request refers to its connection, and the two are to be no cycle."""

    @property
    def is_broken(self) -> bool:
        """Whether a write to the client has failed."""
        return self._broken.is_set()

    def cut(self) -> None:
        """Gives the request up. A write that waits is cancelled, and the connection closed for it (`mix2api.edge.server`)."""
        self._cancel.cancel()

    async def put(self, message: ASGIReceiveEvent) -> None:
        """A piece of the request's body, or that the client has gone (which is also said after every whole answer)."""
        request = self.request
        if request is None:
            return
        if message["type"] == "http.request":
            request.body.append(message["body"])
            if not message["more_body"]:
                request.body.set_complete()
        elif message["type"] == "http.disconnect":
            request.hung_up = True
            self.cut()

    async def run(self) -> None:
        """Handler, headers and body, once. Never raises, unless it is cancelled from outside."""
        try:
            with self._cancel:
                if self.request is not None:
                    await self._answer(self.request)
        except Exception:  # noqa: BLE001 - the application answers its own faults: this one is the server's
            await self._log.exception("request")
        finally:
            self.request = None
            await self._send(None)  # type: ignore[arg-type]  # Hypercorn's word for the end

    async def _answer(self, request: EdgeRequest) -> None:
        try:
            response = await self.app.handle_request(request)
            # `LiveDeliveries` looks after deliveries; other answers are few, and a scope of their own costs little.
            limit_s = self._stall_limit_s if request.delivery is None else math.inf
            with trio.move_on_after(limit_s):
                await self._send_response(self._send, response)
        except trio.Cancelled:
            request.end_delivery(Detail.HUNG_UP if request.hung_up else Detail.DRAIN)
            raise
        finally:
            request.end_delivery(Detail.EDGE_LOST)
            with trio.CancelScope(shield=True):
                await self._report_abandoned(request)
            if request.give_back is not None and not request.was_accepted:
                with trio.move_on_after(_GIVE_BACK_S, shield=True):
                    await request.give_session_back()

    async def _report_abandoned(self, request: EdgeRequest) -> None:
        """Has a request told of that was given up before it was a run, and before it was answered."""
        delivery = request.delivery
        if delivery is None:
            # Other methods have no body to wait for: what they ask is answered at once.
            unanswered = request.hung_up and request.method == "POST" and request.url_rule is not None
            cause = Detail.HUNG_UP if unanswered else None
        else:
            cause = delivery.cause
        if cause is None or request.was_refused or (delivery is not None and await delivery.was_accepted()):
            return
        self._tell_abandoned(request, cause)
