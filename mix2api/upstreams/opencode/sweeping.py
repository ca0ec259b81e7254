"""Removes what nobody has any more: the runtime sessions and contexts of processes that died, and what a release could not.

It looks once a second. A session is a stray if its process is gone, or if it is this process's own and no run has it.
"""

from typing import Final

import trio
from attrs import define

from mix2api.errors import StoreUnavailable
from mix2api.sessions.runtime_sessions import OpenSession
from mix2api.upstreams.opencode.api import RuntimeApi
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.surroundings import Remark, Surroundings

_LOOK_S: Final = 1.0
"""A killed process is known to be gone after two leases at most, and all it left is to be gone within ten seconds."""


@define(eq=False)
class Sweeper:
    """One process's.

    Args:
        api: of the runtime.
        contexts: what this process has open itself.
        surroundings: tell who is gone.
    """

    _api: RuntimeApi
    _contexts: RunContexts
    _surroundings: Surroundings

    async def keep(self) -> None:
        """Sweeps for ever."""
        while True:
            try:
                await self.sweep()
            except (StoreUnavailable, UpstreamFault) as fault:
                why = type(fault).__name__
                self._surroundings.tell(Remark(event="runtime.unswept", facts={"why": why}, is_warning=False))
            await trio.sleep(_LOOK_S)

    async def sweep(self) -> int:
        """Removes all strays; gives how many there were.

        Raises:
            StoreUnavailable: it cannot be seen what there is.
            UpstreamFault: the runtime does not do it.
        """
        strays = [each for each in await self._contexts.store.open() if await self._is_stray(each)]
        for stray in strays:
            await self._remove(stray)
        if strays:
            self._surroundings.tell(Remark(event="runtime.swept", facts={"sessions": len(strays)}))
        return len(strays)

    async def _is_stray(self, opened: OpenSession) -> bool:
        if self._contexts.is_active(opened.run_id):
            return False
        return opened.process == self._contexts.process or await self._surroundings.is_gone(opened.process)

    async def _remove(self, stray: OpenSession) -> None:
        if stray.session is not None:
            found = [stray.session]
        else:  # it died between the session's making and the answer
            found = [id_ for id_, title in (await self._api.titles()).items() if title == stray.title]
        for session in found:
            await self._api.abort(session)
            await self._api.delete(session)
        await self._contexts.store.remove(stray)
