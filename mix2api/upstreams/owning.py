"""An upstream whose responses are kept by their account: who made what is noted before a client can come back to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from mix2api.accounts.owners import Owner, Owners
from mix2api.errors import StoreUnavailable
from mix2api.upstreams.port import Relayed, Served, Upstream, UpstreamCall, UpstreamEvent, UpstreamStream
from mix2api.vocabulary import Digest


class OwningUpstream:
    """The port `mix2api.upstreams.port.Upstream` around another one.

    Args:
        inner: puts the calls.
        owners: what processes share of responses.
    """

    def __init__(self, inner: Upstream, owners: Owners) -> None:
        self._inner = inner
        self._owners = owners

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[UpstreamStream]:
        """Puts the call."""
        async with self._inner.open(call) as stream:
            if call.turn.is_responses and call.caller is not None:
                yield _NotedStream(stream, self._owners, call.caller, call.turn.model)
            else:
                yield stream


class _NotedStream:
    """An answer whose ids are noted as they pass."""

    def __init__(self, stream: UpstreamStream, owners: Owners, caller: Digest, model: str) -> None:
        self._stream = stream
        self._batches = aiter(stream)
        self._owners = owners
        self._caller = caller
        self._owner = Owner("", model)
        self._noted: set[str] = set()

    def __aiter__(self) -> "_NotedStream":
        """Itself: there is one answer."""
        return self

    async def __anext__(self) -> list[UpstreamEvent]:
        """The next batch. While the store is away nothing is noted, and what the batch names cannot be come back to.

        Raises:
            UpstreamFault: see the port.
        """
        batch = await anext(self._batches)
        made: list[str] = []
        for event in batch:
            if isinstance(event, Served):
                self._owner = Owner(event.account, self._owner.model)
            elif isinstance(event, Relayed) and event.made:
                made += [one for one in event.made if one not in self._noted]
        if made:
            self._noted |= set(made)
            self._stream.pause()
            with suppress(StoreUnavailable):
                await self._owners.note(self._caller, made, self._owner)
        return batch

    def pause(self) -> None:
        """See the port."""
        self._stream.pause()

    async def aclose(self) -> None:
        """See the port."""
        await self._stream.aclose()
