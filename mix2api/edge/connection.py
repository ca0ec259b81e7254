"""One HTTP request on its connection: Quart's request with what we know of it, and how its end is noticed."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart.asgi import ASGIHTTPConnection
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers import TrioRequest

from mix2api.edge.bodies import LimitedBody
from mix2api.edge.clients import client_of
from mix2api.edge.delivery import Delivery
from mix2api.edge.request_ids import request_id_of
from mix2api.vocabulary import ClientName, Detail, RequestId
from mix2api.wire.turn import Turn

_GIVE_BACK_S: Final = 0.5
"""For the one command that it is. After it the session is lost to its conversation, which goes on in a fresh one."""


class EdgeRequest(TrioRequest):
    """A request, with its headers as plain bytes: Quart's own mapping searches all of them at every look."""

    body_class = LimitedBody
    body: LimitedBody
    delivery: Delivery | None = None
    """Set once a turn was handed to the worker."""
    turn: Turn | None = None
    """Set once the body was understood."""
    give_back: Callable[[], Awaitable[None]] | None = None
    """Set while a session was taken for it: puts that back to where it waited."""
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


class EdgeConnection(TrioASGIHTTPConnection):
    """Runs one request beside the task that hears the client.

    A client's abort reaches the handler, or the body that is being sent, as `trio.Cancelled`. So does the server's own
    stop; only a disconnect message is evidence that the client left. Whatever happens and wherever, the delivery is
    closed here: a body's `__aexit__` alone would miss a cancellation between handler and body.
    """

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answers in the task that Hypercorn gave the request; one more task hears the client."""
        request: EdgeRequest = self._create_request_from_scope(send)  # type: ignore[assignment]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.handle_messages, nursery, request, receive)
            await self.handle_request(nursery, request, send)

    async def handle_messages(  # type: ignore[override]  # quart-trio gives it a nursery
        self, nursery: trio.Nursery, request: EdgeRequest, receive: ASGIReceiveCallable
    ) -> None:
        """Feeds the body, then waits for the disconnect."""
        await ASGIHTTPConnection.handle_messages(self, request, receive)
        request.hung_up = True
        if request.delivery is not None:
            request.delivery.disconnected()
        nursery.cancel_scope.cancel()

    async def handle_request(  # type: ignore[override]
        self, nursery: trio.Nursery, request: EdgeRequest, send: ASGISendCallable
    ) -> None:
        """Handler, headers and body."""
        try:
            await super().handle_request(nursery, request, send)
        except trio.Cancelled:
            request.end_delivery(Detail.HUNG_UP if request.hung_up else Detail.DRAIN)
            raise
        finally:
            request.end_delivery(Detail.EDGE_LOST)
            if request.give_back is not None and not request.was_accepted:
                with trio.move_on_after(_GIVE_BACK_S, shield=True):
                    await request.give_session_back()
