"""What a session is at one moment: the fold of its events. Frozen structs (ADR 0023); `evolve` alone makes new ones."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from mix2api.events.kinds import Usage
from mix2api.sessions.attribution import Cause
from mix2api.vocabulary import Context, Digest, EndReason, RunId, Sealed


class Stage(StrEnum):
    """Where a session stands. From `accepted` to `concluding` it has a run."""

    VACANT = "vacant"
    """Nothing is known of it."""
    WAITING = "waiting"
    """Between two turns."""
    ACCEPTED = "accepted"
    """A run is in the log; the upstream has not been called."""
    CALLED = "called"
    """The upstream is being called; it has said nothing yet."""
    STARTED = "started"
    """The upstream took the turn; no output yet."""
    STREAMING = "streaming"
    """Output has been seen."""
    GAPPED = "gapped"
    """Events of the run under way were lost, so that what comes next cannot be foretold, its `end` included."""
    CONCLUDING = "concluding"
    """A cause of ending stands; only `end` may follow."""
    RETIRED = "retired"
    """It is never continued."""


RUNNING: Final = frozenset(
    {Stage.ACCEPTED, Stage.CALLED, Stage.STARTED, Stage.STREAMING, Stage.GAPPED, Stage.CONCLUDING}
)
"""The stages in which a session has a run without an end."""

REMEMBERED_RUNS: Final = 8
"""Ended runs whose repeats are recognised: more than a session's queue can hold redelivered at once."""


REMEMBERED_CALLS: Final = 32
"""Calls whose ids are remembered: four rounds of eight. Those of the newest answer are, however many it had."""


class CalledTool(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that went to the client, as far as its result has to find back to the site."""

    tool_call_id: str
    """Digest of the id that the client has."""
    name: Digest
    """Of the tool: legacy results name nothing else."""
    upstream_call_id: Sealed | None = None


class RunState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run under way."""

    run_id: RunId
    seq: int
    """Of its last event."""
    attempt: int
    stream: bool
    began_ms: int
    """Wall clock, Unix milliseconds."""
    last_ms: int = 0
    """Of its last chunk, milliseconds since it began."""
    cause: Cause | None = None
    frames: int = 0
    last_frame: int = 0
    """The number of the last frame told of: what comes with a lower one is a repeat."""
    size_bytes: int = 0
    tool_calls: tuple[int, ...] = ()
    """Indexes of the calls told of, in the order in which they were whole: parallel calls may overtake each other."""
    first_token_ms: int | None = None
    upstream_status: int | None = None
    usage: Usage | None = None
    waited_at: tuple[Digest, ...] = ()
    """Where the session waited before it: it is put back there if the site never took the turn."""
    was_called: bool = False
    was_started: bool = False
    perhaps_taken: bool = False
    """Its call failed after a request had left that the site may have read."""
    had_output: bool = False
    counted_tokens: int | None = None
    """What the session holds with this turn, before its answer."""
    is_bridged: bool = False
    """It runs in a session of a runtime, which ends with it: no end of it changes what comes after."""


class SessionState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session's folded events."""

    stage: Stage = Stage.VACANT
    run: RunState | None = None
    upstream_session: Sealed | None = None
    upstream_exchange: Sealed | None = None
    turns: int = 0
    """Runs that ended."""
    ended: tuple[RunId, ...] = ()
    """The last of them, newest last."""
    extended_by: RunId | None = None
    """The last of them whose turn the site keeps: what a response's id must name for the session to go on from it."""
    last_end: EndReason | None = None
    ended_ms: int = 0
    """Of the last end, Unix milliseconds."""
    opened_ms: int = 0
    """Of the first request, Unix milliseconds."""
    isolation: Digest | None = None
    """Whose it is."""
    realm: Digest | None = None
    """Of the last request: what had to be equal for it to be continued."""
    resolution_reason: str | None = None
    """Of the last request: why the session was made, or continued."""
    opening_reason: str | None = None
    """Of the first request: why the session was made. None: an older version's snapshot does not have it."""
    context: Context | None = None
    waits_at: tuple[Digest, ...] = ()
    calls: tuple[CalledTool, ...] = ()
    """The last calls, newest last."""
    held_tokens: int | None = None
    """What the upstream session holds, by our count (`mix2api.actors.budgets`). None: an older process wrote its log."""
    gaps: int = 0
    """Events known to be lost from its log."""


VACANT: Final = SessionState()
