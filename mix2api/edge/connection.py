"""One connection of a client: its requests, one after another, and their answers. One task has it from begin to end.

The task waits for a head, has the application answer, and waits for the next head. One cancel scope lasts as long as the
connection. Its deadline is the only timer of heads and of idle time, and its cancellation is the only way in which the
connection ends early:

- The server stops, or the connection gives its place to another: it is cancelled while it waits for a head.
- A head is not whole in time, or an idle connection's time is over: the deadline.
- The client left, or takes nothing: `_give_up`, with the cause. That also cancels the answer which is under way.

Sockets are used without trio's own stream: that tries every read before it waits for one, and turns the loop once more
after every write.
"""

import math
import socket
from contextlib import suppress
from typing import Final, NoReturn

import trio

from mix2api.edge.answers import CONTINUE, JSON, LAST_CHUNK, Headers, error_headers, head_bytes
from mix2api.edge.app import EdgeApp
from mix2api.edge.bodies import RequestBody
from mix2api.edge.hang_ups import HangUps
from mix2api.edge.places import Places
from mix2api.edge.refusals import EdgeFault
from mix2api.edge.request import EdgeRequest
from mix2api.edge.request_head import HEAD_END, head_length, read_head
from mix2api.errors import ClientVisibleError, Overloaded, RequestTimeout
from mix2api.replies import PIECE_BYTES
from mix2api.vocabulary import Detail
from mix2api.wire.error_answer import envelope

READ_BYTES: Final = 2**16
"""Read at a time. Of the next requests as much is read ahead while one is answered: of more, and of the client's leaving
after more, is heard only once the answer is out."""
_EMPTY_LINES: Final = b"\r\n"
_HEALTH: Final = "/health"
_CROWDED_HEAD_S: Final = 1.0
"""For a connection without a place to say what it wants: a probe says it at once, and all others wait for its reserve."""
_THROW_AWAY_S: Final = 1.0
_THROW_AWAY_BYTES: Final = 4 * 1024 * 1024
"""Of the refused request of a connection without a place: the usual largest body. Closed with unread bytes, a socket sends
a reset instead of the answer."""
_GIVE_BACK_S: Final = 0.5
"""For the one command that it is. After it the session is lost to its conversation, which goes on in a fresh one."""
_TURN_AWAY_S: Final = 0.1
"""In which the request of who is turned away is thrown away: closed with unread bytes, a socket sends a reset instead of
the answer. A flood of them holds few tasks for so long."""


class Connection:
    """One connection.

    Args:
        taken: the socket, which does not block.
        app: answers its requests.
        places: of the server; told when it works and when it rests.
        hang_ups: of the server.
        keep_alive_s: how long it may rest between two requests.
    """

    __slots__ = (
        "_ahead",
        "_app",
        "_body",
        "_hang_ups",
        "_has_begun",
        "_head_due",
        "_is_head_only",
        "_is_idle",
        "_is_last",
        "_is_listening",
        "_is_old",
        "_keep_alive_s",
        "_pending_head",
        "_places",
        "_scope",
        "_socket",
        "_why",
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
        self._socket = taken
        self._app = app
        self._places = places
        self._hang_ups = hang_ups
        self._keep_alive_s = keep_alive_s
        self._scope = trio.CancelScope()
        self._ahead = b""
        """What came and is not taken yet."""
        self._is_idle = True
        """No request is under way."""
        self._head_due = math.inf
        """When the head that is under way has to be whole."""
        self._is_listening = False
        self._why: Detail | None = None
        """Why it was given up: the client left, or takes nothing."""
        self.is_crowded = False
        """There is no place for it: it may only ask for health."""
        # Of the request under way, and of its answer:
        self._body: RequestBody | None = None
        self._is_last = False
        """The connection closes after the answer."""
        self._is_old = False
        """It is of HTTP/1.0, which has no chunks: the answer ends with the connection."""
        self._is_head_only = False
        """The method was HEAD."""
        self._pending_head = b""
        """Of an answer that comes in pieces, until the first of them is there."""
        self._has_begun = False
        """Something of the answer was sent."""

    async def run(self) -> None:
        """Answers until the client has no more requests, or the connection is given up."""
        due_s = self._app.limits.head_s
        self._await_head(min(due_s, _CROWDED_HEAD_S) if self.is_crowded else due_s)
        with self._scope:
            try:
                while await self._answer_next():
                    self._rest()
            except ClientVisibleError as error:
                self._refuse_unread(error)
                if self.is_crowded:
                    await self._throw_away(_THROW_AWAY_S)
        if self._scope.cancelled_caught and self._ahead and trio.current_time() >= self._head_due:
            self._refuse_unread(RequestTimeout("The head of the request did not arrive in time."))

    async def turn_away(self) -> None:
        """Tells 503, without reading what is asked."""
        self._refuse_unread(_crowded())
        await self._throw_away(_TURN_AWAY_S)

    def close(self) -> None:
        """Says that nothing more comes, and lets go."""
        self._stop_listening()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()

    def close_if_idle(self) -> None:
        """Closes it unless a request is under way."""
        if self._is_idle:
            self._scope.cancel()

    # --- requests

    def _await_head(self, limit_s: float) -> None:
        """A head has to be whole within so many seconds."""
        self._scope.deadline = self._head_due = trio.current_time() + limit_s

    def _rest(self) -> None:
        self._is_idle = True
        self._scope.deadline = trio.current_time() + self._keep_alive_s
        self._places.rest(self)

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
        if self._ahead:
            await trio.lowlevel.checkpoint()  # a client that sends many requests ahead is to hold nobody up
        return request.body.is_whole and not self._is_last and not self._app.is_stopping

    async def _next_request(self) -> EdgeRequest | None:
        """The next one; None if the client has left.

        Raises:
            NotHttp: what came is none.
        """
        self._ahead = self._ahead.lstrip(_EMPTY_LINES)
        seen = 0
        while (end := head_length(self._ahead, seen)) < 0:
            if self._ahead and self._head_due == math.inf:
                self._await_head(self._app.limits.head_s)
                self._places.work(self)
            seen = len(self._ahead)
            data = await self._read()
            if not data:
                return None
            self._ahead = self._ahead + data if seen else data.lstrip(_EMPTY_LINES)
        self._is_head_only = self._ahead.startswith(b"HEAD ")
        head = read_head(self._ahead[:end])
        self._ahead = self._ahead[end + len(HEAD_END) :]
        self._is_idle = self._has_begun = False
        self._scope.deadline = self._head_due = math.inf
        self._places.work(self)
        self._is_last = self.is_crowded or not head.keeps_alive
        self._is_old = head.version == "1.0"
        if head.expects_continue:
            self._say(CONTINUE)
        self._body = RequestBody(head.length, self._app.body_limit, self)
        return EdgeRequest(head, self._body, self, self._app.clock.monotonic_ms())

    async def _answer(self, request: EdgeRequest) -> None:
        """Has a request answered. Whatever happens and wherever, its delivery is closed here.

        A disconnect reaches the handler as `trio.Cancelled`. So does the server's own stop: only `_why` is evidence that
        the client left.
        """
        try:
            await self._app.answer(request)
        except trio.Cancelled:
            request.end_delivery(self._why or Detail.DRAIN)
            raise
        except Exception as fault:  # noqa: BLE001 - the application answers its own faults: this one is the server's
            self._app.tell_fault(EdgeFault.of(fault, request.request_id))
            self._is_last = True
            if not self._has_begun:
                self._say(self._head_bytes(500, [("content-length", "0")]))
        finally:
            self._stop_listening()
            self._body = None
            request.end_delivery(Detail.EDGE_LOST)
            await self._settle(request)

    async def _settle(self, request: EdgeRequest) -> None:
        """What is owed to others by a request that was given up."""
        if self._why is not None or (request.delivery is not None and request.delivery.cause is not None):
            with trio.CancelScope(shield=True):
                await self._app.report_abandoned(request, self._why)
        if request.give_back is not None and not request.was_accepted:
            with trio.move_on_after(_GIVE_BACK_S, shield=True):
                await request.give_session_back()

    # --- what comes

    async def _read(self) -> bytes:
        """Waits for what the client sends next; nothing once it has left."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    def take_ahead(self) -> bytes:
        """What has been read already."""
        data, self._ahead = self._ahead, b""
        return data

    def unread(self, data: bytes) -> None:
        """Takes back the beginning of the next request."""
        self._ahead = data

    async def receive(self) -> bytes:
        """The next bytes of a body. Gives up if the client has left."""
        return await self._read() or await self._give_up(Detail.HUNG_UP)

    def listen(self) -> None:
        """From here on the client's leaving is noticed while the answer waits for something else."""
        if len(self._ahead) < READ_BYTES:
            self._hang_ups.listen(self._socket, self._on_readable)
            self._is_listening = True

    def _stop_listening(self) -> None:
        if self._is_listening:
            self._is_listening = False
            self._hang_ups.ignore(self._socket)

    def _on_readable(self) -> None:
        """Something came while an answer is under way. A half-closed connection looks the same as a closed one."""
        try:
            data = self._socket.recv(READ_BYTES - len(self._ahead))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._stop_listening()
            self._why = self._why or Detail.HUNG_UP
            self._scope.cancel()
        elif not self._is_last:  # what stands behind the last request is ignored (RFC 9112, 9.6)
            self._ahead += data
            if len(self._ahead) >= READ_BYTES:
                self._stop_listening()

    async def _throw_away(self, limit_s: float) -> None:
        """Reads what comes of a refused request: closed with unread bytes, a socket sends a reset instead of the answer."""
        with trio.move_on_after(limit_s):
            left = _THROW_AWAY_BYTES
            while left > 0 and (data := await self._read()):
                left -= len(data)

    # --- what goes

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Sends a whole answer, head and body in one write."""
        head = self._head_bytes(status, [*headers, ("content-length", str(len(body)))])
        await self._write(head if self._is_head_only else head + body)

    def begin(self, status: int, headers: Headers) -> None:
        """Begins an answer that comes in pieces. Its head leaves with the first of them."""
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
        await self._write(head + piece if head else piece)

    def _head_bytes(self, status: int, headers: Headers) -> bytes:
        body = self._body
        if self._is_last or self._app.is_stopping or (body is not None and not body.is_whole):
            self._is_last = True
            headers = [*headers, ("connection", "close")]
        return head_bytes(status, headers, self._app.clock.now_ms() / 1000)

    async def _write(self, data: bytes) -> None:
        """Hands data to the kernel. Gives up if the client has left, or takes nothing for `MIX2API_CLIENT_STALL_S`."""
        self._has_begun = True
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            await self._give_up(Detail.HUNG_UP)
        if taken < len(data):
            await self._write_rest(memoryview(data)[taken:])

    async def _write_rest(self, rest: memoryview) -> None:
        """The kernel's buffer is full. A client that takes one piece in time has not stalled."""
        while rest:
            piece, rest = rest[:PIECE_BYTES], rest[PIECE_BYTES:]
            with trio.move_on_after(self._app.stall_limit_s) as patience:
                while piece:
                    await trio.lowlevel.wait_writable(self._socket)
                    try:
                        piece = piece[self._socket.send(piece) :]
                    except BlockingIOError:
                        continue
                    except OSError:
                        await self._give_up(Detail.HUNG_UP)
            if patience.cancelled_caught:
                await self._give_up(Detail.STALLED)

    async def _give_up(self, cause: Detail) -> NoReturn:
        """Ends the connection, the answer under way included. The first cause wins."""
        self._why = self._why or cause
        self._scope.cancel()
        await trio.sleep_forever()

    def _refuse_unread(self, error: ClientVisibleError) -> None:
        """What is not read as a request gets the envelope as well, and its canonical line: nobody else would tell of it."""
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
        self._say(head if self._is_head_only else head + body)

    def _say(self, data: bytes) -> None:
        """Hands a few bytes to the kernel, which has room for them; it does not matter if the client has left."""
        with suppress(OSError):
            self._socket.send(data)


def _crowded() -> Overloaded:
    return Overloaded(
        "as many clients are connected as this process takes; try again", detail=Detail.CONNECTIONS
    )
