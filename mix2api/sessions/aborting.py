"""What it means to abort a session: who may, what is asked of the process that runs it, and what comes back. Pure."""

from typing import Protocol

from msgspec import Struct

from mix2api.sessions.bridged import Bridged
from mix2api.vocabulary import Digest, SessionId


class AbortAsked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A caller wants a session's run ended. Exactly one of the two says which session."""

    caller: Digest
    """Fingerprint of the credential: nobody ends another's run."""
    session_id: SessionId | None = None
    """A session of ours."""
    scope_key: Digest | None = None
    """Of a client session in a runtime, whatever its realm: it may have several runs."""
    is_superseded: bool = False
    """A newer turn of the same session has come, at another process. A process of the version before ends the run as asked."""


class AbortedRun(Struct, frozen=True, kw_only=True):
    """The run that was ended; of several the newest."""

    client_session_id: str
    session_id: SessionId
    started_ms: int
    """Unix milliseconds."""


class AbortOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of it."""

    run: AbortedRun | None = None
    """None: nothing ran."""
    is_foreign: bool = False
    """The session's run is another caller's. It goes on."""


class Aborting(Protocol):
    """Ends runs, wherever they run."""

    async def abort(self, asked: AbortAsked) -> AbortOutcome:
        """Tells the run to end; does not wait until it has."""
        ...

    async def knows(self, scope_key: Digest) -> bool:
        """Whether a client session has had a run within a day.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ...


def is_asked_for(asked: AbortAsked, session_id: SessionId, bridged: Bridged | None) -> bool:
    """Whether a turn of this session is one of those that are to be ended, if it is the caller's."""
    if asked.scope_key is None:
        return asked.session_id == session_id
    return bridged is not None and bridged.scope_key == asked.scope_key
