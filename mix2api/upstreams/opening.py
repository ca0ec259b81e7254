"""What comes of a call until something is said: wrappers look at that before anybody else does, and may put the call again."""

from collections.abc import AsyncIterator
from typing import Final

from attrs import field, frozen

from mix2api.upstreams.credentials.refusals import (
    PRELUDE,
    TokenRefusal,
    refusal_of_event,
    refusal_of_fault,
)
from mix2api.upstreams.port import Opened, UpstreamEvent, UpstreamFault, UpstreamStream

_HELD: Final = 1000
"""Events that are held back: an upstream that sends so many before it says anything does not refuse the call."""


@frozen
class Opening:
    """What came until something was said: batches, and how that ended if it did."""

    batches: list[list[UpstreamEvent]] = field(factory=list)
    fault: UpstreamFault | None = None
    is_over: bool = False
    """The answer ended, and neither output nor an ending came."""
    first: UpstreamEvent | None = None
    """The first event that is output or an ending."""
    status: int | None = None

    @property
    def refusal(self) -> TokenRefusal | None:
        """The refusal of the call's token that it is; None: it is none."""
        if self.fault is not None:
            return refusal_of_fault(self.fault)
        return None if self.first is None else refusal_of_event(self.first, self.status)


async def opening_of(answer: AsyncIterator[list[UpstreamEvent]]) -> Opening:
    """Reads until the first event that is output or an ending. A fault becomes part of the opening."""
    batches: list[list[UpstreamEvent]] = []
    held = 0
    status: int | None = None
    try:
        async for batch in answer:
            batches.append(batch)
            held += len(batch)
            if held > _HELD:
                return Opening(batches, status=status)
            for event in batch:
                if isinstance(event, Opened):
                    status = event.status
                elif type(event) not in PRELUDE:
                    return Opening(batches, first=event, status=status)
    except UpstreamFault as fault:
        return Opening(batches, fault.again(), status=status)
    return Opening(batches, is_over=True, status=status)


class HeldStream:
    """The port `mix2api.upstreams.port.UpstreamStream`: first what was held back, then the rest.

    Args:
        opening: what was held back.
        rest: what follows; asked only where the opening is not the whole answer.
        stream: whose answer it is; None: its connection is closed.
    """

    def __init__(
        self,
        opening: Opening,
        rest: AsyncIterator[list[UpstreamEvent]] | None = None,
        stream: UpstreamStream | None = None,
    ) -> None:
        self._held = opening.batches[::-1]
        self._opening = opening
        self._rest = rest
        self._stream = stream

    def __aiter__(self) -> "HeldStream":
        """Itself: there is one answer."""
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        """The next batch.

        Raises:
            UpstreamFault: see the port.
        """
        if self._held:
            return self._held.pop()
        if self._opening.fault is not None:
            raise self._opening.fault.again()
        if self._opening.is_over or self._rest is None:
            raise StopAsyncIteration
        return await anext(self._rest)

    def pause(self) -> None:
        """Nobody reads until the next batch is asked for: that time is not the site's."""
        if self._stream is not None:
            self._stream.pause()

    async def aclose(self) -> None:
        """Cuts the connection now."""
        if self._stream is not None:
            await self._stream.aclose()
