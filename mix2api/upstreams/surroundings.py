"""What a kind of upstream is given beside settings and connections: what processes share, and whom to tell."""

from collections.abc import Awaitable, Callable, Mapping

from attrs import field, frozen

from mix2api.clock import Clock, SystemClock
from mix2api.sessions.runtime_sessions import RuntimeSessions
from mix2api.sessions.transcripts import Transcripts
from mix2api.vocabulary import ProcessId


@frozen(kw_only=True)
class Remark:
    """Something that an operator may want to know, and that no client is told. It holds no content and no ids of the site."""

    event: str
    """Of the log (`runtime.release_failed`)."""
    facts: Mapping[str, str | int] = field(factory=dict)
    is_warning: bool = True
    """Else it is for debugging."""


def _nobody(_: Remark) -> None:
    """Nobody is told."""


async def _nobody_is_gone(_: ProcessId) -> bool:
    return False


@frozen(kw_only=True)
class Surroundings:
    """Given by the composition root. Without arguments: what tests of a kind by itself need."""

    clock: Clock = field(factory=SystemClock)
    process: ProcessId = field(default=ProcessId("p_alone"))
    sessions: RuntimeSessions | None = None
    """Where a runtime's open sessions are kept; None: in memory."""
    transcripts: Transcripts | None = None
    """Where the words of client sessions are kept; None: in memory."""
    is_gone: Callable[[ProcessId], Awaitable[bool]] = _nobody_is_gone
    """Whether that process lives no more. Raises `mix2api.errors.StoreUnavailable` where that cannot be known."""
    tell: Callable[[Remark], None] = _nobody
