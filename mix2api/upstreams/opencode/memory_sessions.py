"""Open sessions and their contexts in memory: the fake of `mix2api.sessions.runtime_sessions` that ships in the package."""

from attrs import define, field

from mix2api.sessions.runtime_sessions import OpenSession, ToolContext
from mix2api.vocabulary import Digest, RunId


@define(eq=False)
class MemoryRuntimeSessions:
    """`mix2api.sessions.runtime_sessions.RuntimeSessions` of one process."""

    _open: dict[RunId, OpenSession] = field(factory=dict, init=False)
    _contexts: dict[str, ToolContext] = field(factory=dict, init=False)
    _known: set[Digest] = field(factory=set, init=False)

    async def announce(self, opened: OpenSession) -> None:
        """Keeps an entry."""
        self._open[opened.run_id] = opened

    async def put(self, opened: OpenSession, context: ToolContext) -> None:
        """Keeps an entry and its context."""
        self._open[opened.run_id] = opened
        self._contexts[context.runtime_session_id] = context
        self._known.add(context.scope_key)

    async def context(self, session: str) -> ToolContext | None:
        """The context of a session."""
        return self._contexts.get(session)

    async def knows(self, scope_key: Digest) -> bool:
        """Whether there was a context of that scope."""
        return scope_key in self._known

    async def remove(self, opened: OpenSession) -> None:
        """Removes an entry with its context."""
        self._open.pop(opened.run_id, None)
        if opened.session is not None:
            self._contexts.pop(opened.session, None)

    async def open(self) -> list[OpenSession]:
        """All entries."""
        return list(self._open.values())
