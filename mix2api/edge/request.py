"""One HTTP request at the edge: what is known of it, and what is owed to others when it ends."""

import re
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from mix2api.edge.bodies import RequestBody
from mix2api.edge.clients import client_of
from mix2api.edge.delivery import Delivery
from mix2api.edge.request_head import RequestHead
from mix2api.edge.stopwatch import Stopwatch
from mix2api.identity import Mint
from mix2api.sessions.bridged import Bridged
from mix2api.vocabulary import ClientName, Detail, RequestId, RunId
from mix2api.wire.turn import Turn

_ACCEPTABLE_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Line(Protocol):
    """The client's connection, as far as the answer to one request is concerned.

    Every method cancels its caller if the client has left, or takes nothing for `MIX2API_CLIENT_STALL_S`.
    """

    @property
    def has_begun(self) -> bool:
        """Whether something of the answer was sent: no other one can be given."""
        ...

    def listen(self, watch: Stopwatch | None = None) -> None:
        """From here on the client's leaving is noticed while the caller waits for something else. The body was read.

        Args:
            watch: told of the writes that the client holds up.
        """
        ...

    async def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Sends a whole answer, head and body in one write where the kernel takes that much."""
        ...

    def add_headers(self, headers: list[tuple[str, str]]) -> None:
        """Adds these to the head of the answer, whoever gives it."""
        ...

    def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Begins an answer that comes in pieces. Its head leaves with the first of them."""
        ...

    async def send(self, piece: bytes, *, is_last: bool) -> None:
        """Sends the next piece, never an empty one, in one write where the kernel takes that much."""
        ...

    def send_now(self, piece: bytes) -> bytes:
        """Sends what the kernel takes of the next piece, which is not the last. Gives the rest, for `send_rest`. Never waits."""
        ...

    async def send_rest(self, rest: bytes) -> None:
        """Sends what `send_now` left."""
        ...


class EdgeRequest:
    """One request.

    Args:
        head: what it says.
        body: not read yet.
        line: takes the answer.
        started_ms: monotonic, when its head was whole.
    """

    __slots__ = (
        "_client",
        "body",
        "bridged",
        "delivery",
        "echo",
        "give_back",
        "head",
        "line",
        "method",
        "path",
        "request_id",
        "route",
        "started_ms",
        "submitted_as",
        "turn",
        "was_refused",
        "watch",
    )

    def __init__(self, head: RequestHead, body: RequestBody, line: Line, started_ms: float) -> None:
        self.head: RequestHead | None = head
        """None once the turn was handed to the worker."""
        self.method = head.method
        self.path = head.path
        self.body = body
        self.line = line
        self.started_ms = started_ms
        self.request_id = request_id_of(head.given.get(b"x-request-id"))
        """The caller's, or a new one."""
        self.route: str | None = None
        """Which of our routes it takes; None where there is none for its path and method."""
        self.turn: Turn | None = None
        """Set once the body was understood."""
        self.bridged: Bridged | None = None
        """Whose run it is in a runtime; set once the body was understood."""
        self.echo: object = None
        """What the answer repeats of the body, for an API whose answers do."""
        self.delivery: Delivery | None = None
        """Set once the turn was handed to the worker."""
        self.submitted_as: RunId | None = None
        """Set with it: the id under which the turn went."""
        self.give_back: Callable[[], Awaitable[None]] | None = None
        """Set while a session was taken for it: puts that back to where it waited."""
        self.was_refused = False
        """Its canonical line is written: it ended at the edge."""
        self.watch: Stopwatch | None = None
        """Measures a chat request."""
        self._client: ClientName | None = None

    @property
    def client(self) -> ClientName:
        """Which of the known clients sent it."""
        if self._client is None:
            self._client = client_of(self.given)
        return self._client

    @property
    def query(self) -> str:
        """The target's query, as it came. Empty once the headers are forgotten."""
        return "" if self.head is None else self.head.target.partition(b"?")[2].decode("ascii")

    @property
    def given(self) -> dict[bytes, bytes]:
        """Header name in lower case -> value; of repeated ones the last. Empty once they are forgotten."""
        return {} if self.head is None else self.head.given

    def forget_headers(self) -> None:
        """Lets go of the headers: a stream is held for minutes, and nobody asks for them any more."""
        self._client = self.client
        self.head = None

    @property
    def was_accepted(self) -> bool:
        """Whether its turn began."""
        return self.delivery is not None and self.delivery.accepted is not None

    def end_delivery(self, cause: Detail) -> None:
        """Closes its delivery, if there is one (`Delivery.close`); only the first call has an effect."""
        if self.delivery is not None:
            self.delivery.close(cause)

    async def give_session_back(self) -> None:
        """Puts the session back, if its turn was not accepted; only the first call has an effect."""
        give_back, self.give_back = self.give_back, None
        if give_back is not None and not self.was_accepted:
            await give_back()


def request_id_of(given: bytes | None) -> RequestId:
    """The caller's `x-request-id` if it is 1-128 of `[A-Za-z0-9._:-]`, else a new one (FR30)."""
    if given is not None and _ACCEPTABLE_ID.fullmatch(given):
        return RequestId(given.decode("ascii"))
    return Mint.request_id()
