"""The bodies of answers, as Quart sends them.

Classes, not async generators: a generator that is cancelled between two pieces is closed whenever the collector finds
it, and what it holds with it.
"""

from types import TracebackType
from typing import Self

from quart.wrappers.response import ResponseBody

from mix2api.edge.delivery import Delivery
from mix2api.edge.refusals import EdgeFault, OnFault
from mix2api.edge.rendering import StreamRenderer, receipt_of
from mix2api.replies import PIECE_BYTES
from mix2api.sessions.client_words import refused
from mix2api.sessions.worker_port import Ended, Reply
from mix2api.vocabulary import Detail, EndReason
from mix2api.wire.chat_answer import KEEP_ALIVE


class StreamBody(ResponseBody):
    """An SSE body: one piece for all replies that are pending at a time.

    Args:
        delivery: where the replies come from and what became of them is told.
        renderer: replies to frames.
        held: replies that came before the headers left; empty if those left early.
        on_fault: told of a fault in here; the client gets the failing ending all the same.
    """

    def __init__(
        self,
        delivery: Delivery,
        renderer: StreamRenderer,
        held: list[Reply],
        *,
        on_fault: OnFault,
    ) -> None:
        self._delivery = delivery
        self._take = delivery.take
        self._renderer = renderer
        self._held = held
        self._on_fault = on_fault
        self._rest = memoryview(b"")
        """Of a piece that is longer than one write."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Nothing: `mix2api.edge.connection` closes the delivery, on every path."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self._delivery.writing = False
        piece = self._next_write() if self._rest else b""
        if not piece:
            ended = self._renderer.ended
            if ended is not None:
                self._delivery.confirm(receipt_of(ended), ended.end_reason)
                raise StopAsyncIteration
            try:
                piece = await self._piece()
            except Exception as fault:  # noqa: BLE001  # the supervisor of this stream: never a silent cut (FR11)
                piece = self._broken(fault)
            if len(piece) > PIECE_BYTES:
                self._rest = memoryview(piece)
                piece = self._next_write()
        self._delivery.handed_over()
        return piece

    def _next_write(self) -> bytes:
        """The next of a long piece; nothing if there is none. A client that takes one write in time has not stalled."""
        piece = bytes(self._rest[:PIECE_BYTES])
        # An empty view would keep all of the piece in memory.
        self._rest = self._rest[PIECE_BYTES:] if len(self._rest) > PIECE_BYTES else memoryview(b"")
        return piece

    async def _piece(self) -> bytes:
        held, self._held = self._held, []
        # Without held replies the headers left early: a comment shows them to the client, and a disconnect to us.
        piece = self._renderer.render(held) or (b"" if self._delivery.writes else KEEP_ALIVE)
        while not piece:
            replies = await self._take()
            piece = self._renderer.render(replies) if replies else KEEP_ALIVE
        return piece

    def _broken(self, fault: Exception) -> bytes:
        told = EdgeFault.of(fault)
        self._on_fault(told)
        self._delivery.replies.abort(Detail.EDGE_LOST)
        return self._renderer.ending(
            refused(
                EndReason.ADAPTER_ERROR, told.exception, "The adapter failed while it streamed the answer."
            )
        )


class WholeBody(ResponseBody):
    """A body that is known whole, of which the worker is told when it has been written. A long one takes several writes."""

    def __init__(self, delivery: Delivery, body: bytes, ended: Ended) -> None:
        self._delivery = delivery
        self._rest = memoryview(body)
        self._ended = ended

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Nothing: as in `StreamBody`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self._delivery.writing = False
        piece = bytes(self._rest[:PIECE_BYTES])
        self._rest = self._rest[PIECE_BYTES:] if len(self._rest) > PIECE_BYTES else memoryview(b"")
        if not piece:
            self._delivery.confirm(receipt_of(self._ended), self._ended.end_reason)
            raise StopAsyncIteration
        self._delivery.handed_over()
        return piece
