"""One connection of a client: its requests, one after another, and their answers. One task has it from begin to end.

The task waits for a head, has the application answer, and waits for the next head. One cancel scope lasts as long as the
connection (`ClientSocket.scope`). Its deadline is the only timer of heads and of idle time, and its cancellation is the only
way in which the connection ends early:

- The server stops, or the connection gives its place to another: it is cancelled while it waits for a head.
- A head is not whole in time, or an idle connection's time is over: the deadline.
- The client has left, or takes nothing. That also cancels the answer which is under way.
"""

import math
import socket
from typing import Final

import trio

from mix2api.edge.answers import CONTINUE, JSON, LAST_CHUNK, Headers, error_headers, head_bytes
from mix2api.edge.app import EdgeApp
from mix2api.edge.bodies import RequestBody
from mix2api.edge.client_socket import ClientSocket
from mix2api.edge.hang_ups import HangUps
from mix2api.edge.places import Places
from mix2api.edge.refusals import EdgeFault
from mix2api.edge.request import EdgeRequest
from mix2api.edge.request_head import HEAD_END, head_length, read_head
from mix2api.edge.stopwatch import Stopwatch
from mix2api.errors import ClientVisibleError, Overloaded, RequestTimeout
from mix2api.vocabulary import Detail
from mix2api.wire.error_answer import envelope

_EMPTY_LINES: Final = b"\r\n"
_HEALTH: Final = "/health"
_CROWDED_HEAD_S: Final = 1.0
"""For a connection without a place to say what it wants: a probe says it at once, and all others wait for its reserve."""
_LINGER_S: Final = 0.1
"""In which what a client still sends behind what was refused unread is thrown away. A flood of such clients holds few
tasks for so long."""
_CROWDED_LINGER_S: Final = 1.0
"""Likewise for one of the few connections that may only ask for health, and asked for something else."""
_GIVE_BACK_S: Final = 0.5
"""For the one command that it is. After it the session is lost to its conversation, which goes on in a fresh one."""


class Connection:
    """One connection. Also the `Line` of its requests.

    Args:
        taken: the socket, which does not block.
        app: answers its requests.
        places: of the server; told when it works and when it rests.
        hang_ups: of the server.
        keep_alive_s: how long it may rest between two requests.
    """

    __slots__ = (
        "_app",
        "_body",
        "_client",
        "_head_due",
        "_is_head_only",
        "_is_idle",
        "_is_last",
        "_is_old",
        "_keep_alive_s",
        "_more_headers",
        "_pending_head",
        "_places",
        "has_begun",
        "is_crowded",
    )

    def __init__(
        self,
        taken: socket.socket,
        app: EdgeApp,
        places: "Places[Connection]",
        hang_ups: HangUps,
        keep_alive_s: float,
    ) -> None:
        self._app = app
        self._places = places
        self._client = ClientSocket(taken, hang_ups, app.stall_limit_s)
        self._keep_alive_s = keep_alive_s
        self._is_idle = True
        """No request is under way."""
        self._head_due = math.inf
        """When the head that is under way has to be whole."""
        self.is_crowded = False
        """There is no place for it: it may only ask for health."""
        # Of the request under way, and of its answer:
        self._body: RequestBody | None = None
        self._is_last = False
        """The connection closes after the answer."""
        self._is_old = False
        """It is of HTTP/1.0, which has no chunks: an answer in pieces ends with the connection."""
        self._is_head_only = False
        """The method was HEAD."""
        self._pending_head = b""
        """Of an answer that comes in pieces, until the first of them is there."""
        self._more_headers: Headers = []
        """For the head of the answer under way."""
        self.has_begun = False
        """Something of the answer was sent."""

    async def run(self) -> None:
        """Answers until the client has no more requests, or the connection is given up."""
        due_s = self._app.limits.head_s
        self._await_head(min(due_s, _CROWDED_HEAD_S) if self.is_crowded else due_s)
        with self._client.scope as scope:
            try:
                while await self._answer_next():
                    self._rest()
            except ClientVisibleError as error:
                await self._refuse_unread(error, _CROWDED_LINGER_S if self.is_crowded else _LINGER_S)
        if scope.cancelled_caught and self._client.ahead and trio.current_time() >= self._head_due:
            late = RequestTimeout("The head of the request did not arrive in time.")
            await self._refuse_unread(late, _LINGER_S)

    async def turn_away(self) -> None:
        """Tells 503, without reading what is asked."""
        await self._refuse_unread(_crowded(), _LINGER_S)

    def close(self) -> None:
        """Lets go of the client."""
        self._client.close()

    def close_if_idle(self) -> None:
        """Closes it unless a request is under way."""
        if self._is_idle:
            self._client.scope.cancel()

    # --- requests

    def _await_head(self, limit_s: float) -> None:
        """A head has to be whole within so many seconds."""
        self._client.scope.deadline = self._head_due = trio.current_time() + limit_s

    def _rest(self) -> None:
        self._is_idle = True
        self._client.scope.deadline = trio.current_time() + self._keep_alive_s
        self._places.rest(self)

    def _work(self) -> None:
        """A request is under way, and its answer takes as long as it takes."""
        self._is_idle = self.has_begun = False
        self._more_headers = []
        self._client.scope.deadline = self._head_due = math.inf
        self._places.work(self)

    async def _answer_next(self) -> bool:
        """Waits for a request and answers it. Gives whether another may follow.

        Raises:
            ClientVisibleError: it cannot be read, or there is no place for it.
        """
        request = await self._next_request()
        if request is None:
            return False
        if self.is_crowded and not request.path.startswith(_HEALTH):
            raise _crowded()
        await self._answer(request)
        if self._client.ahead:
            await trio.lowlevel.checkpoint()  # a client that sends many requests ahead is to hold nobody up
        return request.body.is_whole and not self._is_last and not self._app.is_stopping

    async def _next_request(self) -> EdgeRequest | None:
        """The next one; None if the client has left.

        Raises:
            NotHttp: what came is none.
        """
        client = self._client
        client.ahead = client.ahead.lstrip(_EMPTY_LINES)
        seen = 0
        while not client.ahead or (end := head_length(client.ahead, seen)) < 0:
            if client.ahead and self._head_due == math.inf:
                self._await_head(self._app.limits.head_s)
                self._places.work(self)
            seen = len(client.ahead)
            data = await client.read()
            if not data:
                return None
            client.ahead = client.ahead + data if seen else data.lstrip(_EMPTY_LINES)
        self._is_head_only = client.ahead.startswith(b"HEAD ")
        head = read_head(client.ahead[:end])
        client.ahead = client.ahead[end + len(HEAD_END) :]
        self._work()
        self._is_last = self.is_crowded or not head.keeps_alive
        client.ignores_more = not head.keeps_alive
        self._is_old = head.version == "1.0"
        if head.expects_continue:
            client.say(CONTINUE)
        self._body = RequestBody(head.length, self._app.body_limit, client)
        return EdgeRequest(head, self._body, self, self._app.clock.monotonic_ms())

    async def _answer(self, request: EdgeRequest) -> None:
        """Has a request answered. Whatever happens and wherever, its delivery is closed here.

        A disconnect reaches the handler as `trio.Cancelled`. So does the server's own stop: only `ClientSocket.why` is
        evidence that the client left.
        """
        try:
            await self._app.answer(request)
        except trio.Cancelled:
            request.end_delivery(self._client.why or Detail.DRAIN)
            raise
        except Exception as fault:  # noqa: BLE001 - the application answers its own faults: this one is the server's
            self._app.tell_fault(EdgeFault.of(fault, request.request_id))
            self._is_last = True
            if not self.has_begun:
                self._client.say(self._head_bytes(500, [("content-length", "0")]))
        finally:
            self._client.stop_listening()
            self._client.watch = self._body = None
            request.end_delivery(Detail.EDGE_LOST)
            await self._settle(request)

    async def _settle(self, request: EdgeRequest) -> None:
        """What is owed to others by a request that was given up."""
        why, delivery = self._client.why, request.delivery
        if why is not None or (delivery is not None and delivery.cause is not None):
            with trio.CancelScope(shield=True):
                await self._app.report_abandoned(request, why)
        if request.give_back is not None and not request.was_accepted:
            with trio.move_on_after(_GIVE_BACK_S, shield=True):
                await request.give_session_back()

    # --- answers

    def listen(self, watch: Stopwatch | None = None) -> None:
        """From here on the client's leaving is noticed while the answer waits for something else."""
        self._client.watch = watch
        self._client.listen()

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Sends a whole answer, head and body in one write."""
        head = self._head_bytes(status, [*headers, ("content-length", str(len(body)))])
        self.has_begun = True
        await self._client.write(head if self._is_head_only else head + body)

    def add_headers(self, headers: Headers) -> None:
        """Adds these to the head of the answer, whoever gives it."""
        self._more_headers = headers

    def begin(self, status: int, headers: Headers) -> None:
        """Begins an answer that comes in pieces. Its head leaves with the first of them."""
        self.has_begun = True
        if self._is_old:
            self._is_last = True
            self._pending_head = self._head_bytes(status, headers)
        else:
            self._pending_head = self._head_bytes(status, [*headers, ("transfer-encoding", "chunked")])

    async def send(self, piece: bytes, *, is_last: bool) -> None:
        """Sends the next piece, as a chunk (RFC 9112, 7.1), and the end of the body behind the last one."""
        head, self._pending_head = self._pending_head, b""
        if not self._is_old:
            piece = b"%x\r\n%b\r\n%b" % (len(piece), piece, LAST_CHUNK if is_last else b"")
        await self._client.write(head + piece if head else piece)

    def send_now(self, piece: bytes) -> bytes:
        """Sends what the kernel takes of the next piece, as a chunk; gives the rest. The head has left."""
        return self._client.write_now(piece if self._is_old else b"%x\r\n%b\r\n" % (len(piece), piece))

    async def send_rest(self, rest: bytes) -> None:
        """Sends what `send_now` left."""
        await self._client.write(rest)

    def _head_bytes(self, status: int, headers: Headers) -> bytes:
        body = self._body
        if self._is_last or self._app.is_stopping or (body is not None and not body.is_whole):
            self._is_last = True
            headers = [*headers, ("connection", "close")]
        if self._more_headers:
            headers = [*headers, *self._more_headers]
        return head_bytes(status, headers, self._app.clock.now_ms() / 1000)

    async def _refuse_unread(self, error: ClientVisibleError, linger_s: float) -> None:
        """Answers what is not read as a request: with the envelope, and a canonical line, which nobody else would write."""
        request_id = self._app.refuse_unread(error)
        body = envelope(error.body())
        headers = [
            ("x-request-id", request_id),
            JSON,
            *error_headers(error),
            ("content-length", str(len(body))),
        ]
        self._is_last = True
        head = self._head_bytes(error.status, headers)
        self._client.say(head if self._is_head_only else head + body)
        await self._client.linger(linger_s)


def _crowded() -> Overloaded:
    return Overloaded(
        "as many clients are connected as this process takes; try again", detail=Detail.CONNECTIONS
    )
