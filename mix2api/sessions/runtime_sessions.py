"""What is kept of the runtime sessions that runs have open, and of the context that tools inside them ask for. Pure.

An entry stands from before the session is made until it is removed, so that whatever a killed process left can be found. The
context holds ids and keyed fingerprints. The caller's access token is not in it (`mix2api.upstreams.opencode.contexts`).
"""

from typing import Protocol

from msgspec import Struct

from mix2api.sessions.bridged import Bridged
from mix2api.vocabulary import Digest, ProcessId, RunId


class ToolContext(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a tool inside a runtime session may know of the run that it works for."""

    actor_key: Digest
    project_key: Digest
    project_id: str
    client_session_id: str
    runtime_session_id: str
    scope_key: Digest
    trace_id: str
    allow_learning_write: bool = True
    learning_mode: str = "interactive"

    @classmethod
    def of(cls, bridged: Bridged, session: str) -> "ToolContext":
        """Of a run, once its session is made."""
        return cls(
            actor_key=bridged.actor_key,
            project_key=bridged.project_key,
            project_id=bridged.project,
            client_session_id=bridged.client_session,
            runtime_session_id=session,
            scope_key=bridged.scope_key,
            trace_id=bridged.trace,
        )


class OpenSession(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A runtime session that is not removed yet."""

    run_id: RunId
    process: ProcessId
    """Whose run it is."""
    title: str
    """Of the session: should the process die before it learns the id, the session is found by this."""
    session: str | None = None
    """Its id; None until it is known."""


class RuntimeSessions(Protocol):
    """Where open sessions and contexts are kept. Every method raises `mix2api.errors.StoreUnavailable` if the store is away."""

    async def announce(self, opened: OpenSession) -> None:
        """Keeps an entry; one of the same run is replaced."""
        ...

    async def put(self, opened: OpenSession, context: ToolContext) -> None:
        """Keeps an entry whose session is known, and the session's context."""
        ...

    async def context(self, session: str) -> ToolContext | None:
        """The context of a session; None if there is none."""
        ...

    async def knows(self, scope_key: Digest) -> bool:
        """Whether a context of that scope was kept within a day."""
        ...

    async def remove(self, opened: OpenSession) -> None:
        """Removes an entry with its context. What is gone already is no fault."""
        ...

    async def open(self) -> list[OpenSession]:
        """All entries."""
        ...
