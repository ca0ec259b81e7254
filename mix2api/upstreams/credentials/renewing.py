"""An upstream whose calls carry the managed token, and are put once more with a new one if the site refuses it.

Only before any output: the call's first events are held back until one of them is output or an ending. Where a site may have
taken a turn before it refused the token, a continued session's context is no longer known, and the session is given up
instead of being sent the turn twice.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from attrs import evolve, field, frozen

from mix2api.upstreams.credentials.managed import ManagedCredential
from mix2api.upstreams.credentials.refusals import (
    PRELUDE,
    TokenRefusal,
    refusal_of_event,
    refusal_of_fault,
)
from mix2api.upstreams.credentials.token import Token
from mix2api.upstreams.port import (
    Opened,
    Upstream,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
    UpstreamStream,
)
from mix2api.vocabulary import Detail, EndReason

_HELD: Final = 1000
"""Events that are held back: whoever sends so many before saying anything does not refuse a token."""


@frozen
class _Opening:
    """What came of a call until something was said: batches, and how that ended if it did."""

    batches: list[list[UpstreamEvent]] = field(factory=list)
    fault: UpstreamFault | None = None
    is_over: bool = False
    refusal: TokenRefusal | None = None


class RenewingUpstream:
    """The port `mix2api.upstreams.port.Upstream` around another one.

    Args:
        inner: sends `UpstreamCall.authorization` as it is.
        credential: whose `keep` runs.
        retries: calls put again after a refusal (`UPSTREAM_AUTH_RECOVERY_RETRY`).
    """

    def __init__(self, inner: Upstream, credential: ManagedCredential, retries: int) -> None:
        self._inner = inner
        self._credential = credential
        self._retries = retries

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator["RenewedStream"]:
        """Puts the call, and waits for what comes first.

        Raises:
            UpstreamFault: `upstream_auth_error` if there is no token or the new one was refused, too;
                `upstream_error/session_lost` if a continued session is to be given up; and what `inner` raises.
        """
        left = self._retries
        while True:
            token = await self._credential.token()
            authorized = evolve(call, authorization=f"Bearer {token.value}")
            async with self._inner.open(authorized) as stream:
                batches = aiter(stream)
                opening = await _opening_of(batches)
                if opening.refusal is None:
                    self._credential.accepted(token)
                    yield RenewedStream(opening, batches, stream)
                    return
            self._check_retry(call, token, opening.refusal, left)
            left -= 1

    def _check_retry(self, call: UpstreamCall, token: Token, refusal: TokenRefusal, left: int) -> None:
        """Whether the call is to be put once more.

        Raises:
            UpstreamFault: it is not.
        """
        worth_while = self._credential.refused(token, again=left < self._retries)
        if not left or not worth_while:
            raise UpstreamFault(
                EndReason.UPSTREAM_AUTH_ERROR,
                refusal.detail,
                refusal.message,
                status=refusal.status,
                taken=refusal.taken,
            )
        if call.session is not None and refusal.taken:
            raise UpstreamFault(
                EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, refusal.message, status=refusal.status
            )


class RenewedStream:
    """The port `mix2api.upstreams.port.UpstreamStream`: first what was held back, then the rest."""

    def __init__(
        self, opening: _Opening, rest: AsyncIterator[list[UpstreamEvent]], stream: UpstreamStream
    ) -> None:
        self._held = opening.batches[::-1]
        self._opening = opening
        self._rest = rest
        self._stream = stream

    def __aiter__(self) -> "RenewedStream":
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
        if self._opening.is_over:
            raise StopAsyncIteration
        return await anext(self._rest)

    def pause(self) -> None:
        """Nobody reads until the next batch is asked for: that time is not the site's."""
        self._stream.pause()

    async def aclose(self) -> None:
        """Cuts the connection now."""
        await self._stream.aclose()


async def _opening_of(answer: AsyncIterator[list[UpstreamEvent]]) -> _Opening:
    """Reads until the first event that is output or an ending, and looks whether that refuses the token."""
    batches: list[list[UpstreamEvent]] = []
    held = 0
    status: int | None = None
    try:
        async for batch in answer:
            batches.append(batch)
            held += len(batch)
            if held > _HELD:
                return _Opening(batches)
            for event in batch:
                if isinstance(event, Opened):
                    status = event.status
                elif type(event) not in PRELUDE:
                    return _Opening(batches, refusal=refusal_of_event(event, status))
    except UpstreamFault as fault:
        return _Opening(batches, fault.again(), refusal=refusal_of_fault(fault))
    return _Opening(batches, is_over=True)
