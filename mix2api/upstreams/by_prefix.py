"""Several upstreams side by side: each call goes to the upstream of its model's prefix (ADR 68)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import frozen

from mix2api.model_prefixes import ByPrefix
from mix2api.upstreams.model_names import renamed
from mix2api.upstreams.port import Upstream, UpstreamCall, UpstreamFault, UpstreamStream
from mix2api.upstreams.waiting_line import WaitingLine
from mix2api.vocabulary import Detail, EndReason

_NOT_FOUND = 404


@frozen(kw_only=True)
class PrefixedUpstream:
    """One of them."""

    upstream: Upstream
    stripped: str = ""
    """The prefix that the upstream does not know of."""
    line: WaitingLine | None = None
    """Where its calls wait; None: it has no limit of its own."""


class UpstreamsByPrefix:
    """The port `mix2api.upstreams.port.Upstream` over several others.

    Args:
        upstreams: by the prefix of their models' names.
    """

    def __init__(self, upstreams: ByPrefix[PrefixedUpstream]) -> None:
        self._upstreams = upstreams

    @asynccontextmanager
    async def open(self, call: UpstreamCall) -> AsyncIterator[UpstreamStream]:
        """Puts the call to the upstream of its model.

        Raises:
            UpstreamFault: see the port; `overloaded/deadline` if the upstream's line did not move in time.
        """
        chosen = self._upstreams.of(call.turn.model)
        if chosen is None:  # an edge with another file has let it pass
            raise _unknown()
        there = renamed(call, call.turn.model.removeprefix(chosen.stripped)) if chosen.stripped else call
        if chosen.line is None:
            async with chosen.upstream.open(there) as stream:
                yield stream
            return
        async with chosen.line.place(), chosen.upstream.open(there) as stream:
            yield stream


def _unknown() -> UpstreamFault:
    return UpstreamFault(
        EndReason.UPSTREAM_ERROR,
        Detail.STATUS,
        "no upstream of this worker has that model",
        status=_NOT_FOUND,
        taken=False,
    )
