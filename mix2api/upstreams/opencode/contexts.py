"""The contexts of the runs under way in this process: what is in the store, and what is in memory alone.

The access token of a caller is in memory alone. It is looked up by scope key, and several runs may have one scope: a title
request beside the main run, or a run that is being released beside a newer one. Each removes its own.
"""

from collections.abc import Awaitable
from typing import Final

from attrs import define, field

from mix2api.errors import StoreUnavailable
from mix2api.sessions.bridged import Bridged
from mix2api.sessions.runtime_sessions import OpenSession, RuntimeSessions, ToolContext
from mix2api.upstreams.surroundings import Remark, Surroundings
from mix2api.vocabulary import Digest, ProcessId, RunId

TITLE: Final = "mix2api "
"""Before the run's id, in the title of its session."""


@define(eq=False)
class RunContexts:
    """One process's.

    A store that is away costs no run: what it lacks is told, and the process itself has it in memory.

    Args:
        store: where all processes look.
        surroundings: of the upstream.
    """

    store: RuntimeSessions
    _surroundings: Surroundings
    _active: dict[RunId, OpenSession] = field(factory=dict, init=False)
    _contexts: dict[str, ToolContext] = field(factory=dict, init=False)
    """By runtime session."""
    _tokens: dict[Digest, dict[RunId, str]] = field(factory=dict, init=False)
    """By scope key; of its runs the newest last."""

    @property
    def process(self) -> ProcessId:
        """Whose runs these are."""
        return self._surroundings.process

    async def announce(self, run_id: RunId) -> OpenSession:
        """A run is about to make its session; gives its entry, with the title that the session must have."""
        opened = OpenSession(run_id=run_id, process=self.process, title=f"{TITLE}{run_id}")
        self._active[run_id] = opened
        await self._stored("announce", self.store.announce(opened))
        return opened

    def begin(self, opened: OpenSession, session: str, bridged: Bridged | None) -> OpenSession:
        """The session is made, and its tools may ask: gives the entry with it. From here on `forget` is owed."""
        opened = self._active[opened.run_id] = _with_session(opened, session)
        if bridged is not None:
            self._contexts[session] = ToolContext.of(bridged, session)
            if bridged.access_token is not None:
                self._tokens.setdefault(bridged.scope_key, {})[opened.run_id] = bridged.access_token
        return opened

    async def record(self, opened: OpenSession) -> None:
        """Tells the store of a session that has begun."""
        context = self._contexts.get(opened.session or "")
        if context is None:
            await self._stored("announce", self.store.announce(opened))
        else:
            await self._stored("put", self.store.put(opened, context))

    def forget(self, opened: OpenSession) -> None:
        """The run is over: tools are told nothing of it any more, and its token is gone. A repeat does nothing."""
        context = self._contexts.pop(opened.session or "", None)
        if context is None:
            return
        tokens = self._tokens.get(context.scope_key, {})
        tokens.pop(opened.run_id, None)
        if not tokens:
            self._tokens.pop(context.scope_key, None)

    async def close(self, opened: OpenSession, *, removed: bool) -> None:
        """The run is released.

        Args:
            opened: its entry.
            removed: whether its session is gone; if not, the entry stays, and the sweeper tries again.
        """
        if removed:
            await self._stored("remove", self.store.remove(opened))
        self._active.pop(opened.run_id, None)

    def is_active(self, run_id: RunId) -> bool:
        """Whether a run of this process has the session now."""
        return run_id in self._active

    @property
    def count(self) -> int:
        """Runs that have a session, or are about to."""
        return len(self._active)

    async def context(self, session: str) -> ToolContext | None:
        """The context of a session, whichever process runs it.

        Raises:
            StoreUnavailable: no run of this process has it, and the store is away.
        """
        return self._contexts.get(session) or await self.store.context(session)

    def token(self, scope_key: Digest) -> str | None:
        """The access token of the newest run of a scope; None if it brought none, or runs elsewhere."""
        tokens = self._tokens.get(scope_key)
        return None if not tokens else next(reversed(tokens.values()))

    async def _stored(self, step: str, write: Awaitable[None]) -> None:
        try:
            await write
        except StoreUnavailable:
            self._surroundings.tell(Remark(event="runtime.unrecorded", facts={"step": step}))


def _with_session(opened: OpenSession, session: str) -> OpenSession:
    return OpenSession(run_id=opened.run_id, process=opened.process, title=opened.title, session=session)
