"""The port between edge and worker: what a submitted turn is and what comes back. Two forms: memory and Redis.

Replies are msgspec structs because they also travel, sealed, between processes; the edge alone turns them into
OpenAI's wire.
"""

from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen
from msgspec import Struct

from mix2api.events.edge_times import EdgeTimes
from mix2api.events.kinds import Usage
from mix2api.sessions.bridged import Bridged
from mix2api.sessions.lineage import Lineage
from mix2api.sessions.prepared_turn import PreparedTurn, prepare
from mix2api.sessions.resolution import Reason
from mix2api.vocabulary import (
    Channel,
    Detail,
    Digest,
    EndReason,
    FinishReason,
    ProcessId,
    Receipt,
    RequestId,
    RunId,
    SessionId,
)
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.turn import Turn


class Accepted(Struct, frozen=True, tag="accepted", omit_defaults=True):
    """The `request` event is durable. Always the first reply of a run that is not refused."""

    session_id: str
    resolution: str
    """`fresh`, `continued`, `stateless` or `runtime`."""
    reason: str
    run_id: str = ""
    """Of the run that answers: not the submission's own where the turn ran again. Empty: the submission's."""
    withheld: str = ""
    """What the site is not given, or not whole: `messages=2; tools=3`. Empty: nothing."""
    budget: str = ""
    """What the turn takes of its model: `1200/8192; trimmed=2`. Empty: turns are not counted."""
    account: str = ""
    """The account that serves the run, where the client may know it. Said once more after the upstream was called."""


class TextDelta(Struct, frozen=True, tag="text"):
    """Answer text, as the upstream cut it."""

    text: str


class ReasoningDelta(Struct, frozen=True, tag="reasoning"):
    """Reasoning text (`reasoning_content`)."""

    text: str


class ToolCallDelta(Struct, frozen=True, tag="tool_call", omit_defaults=True):
    """A piece of a tool call; `call_id` and `name` come with the first piece of each index only."""

    index: int
    arguments: str = ""
    call_id: str | None = None
    name: str | None = None


class Ended(Struct, frozen=True, tag="ended", kw_only=True, omit_defaults=True):
    """The run is over: always the last reply. With a success the finish follows, else the failing ending.

    It leaves only after the `end` event is durable, or after the limit for that has passed (`acked` False).
    """

    end_reason: EndReason
    detail: str | None = None
    http_status: int = 200
    """What the client gets if nothing was sent yet."""
    upstream_status: int | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    message: str = ""
    """For the client: redacted, at most 500 characters; empty with a success."""
    error_type: str = "server_error"
    error_code: str | None = None
    param: str | None = None
    retry_after_s: int | None = None
    acked: bool = True
    worker_channel: Channel | None = None
    """Set by an edge where a worker in another process refused the turn or left it unbegun: the channel of that worker."""


Reply = Accepted | TextDelta | ReasoningDelta | ToolCallDelta | PassedOn | Ended


@frozen(kw_only=True)
class Submission:
    """A validated turn and what the edge knows of its caller."""

    run_id: RunId
    request_id: RequestId
    turn: Turn = field(repr=False)
    body_bytes: int
    client: str
    """A `ClientName`."""
    isolation: Digest
    """Digest of who may share sessions: always inside the caller's auth fingerprint."""
    edge: ProcessId
    edge_channel: Channel | None = None
    """Of the edge's process. None from an edge that does not send it."""
    caller: Digest | None = None
    """Digest of the caller's credential: whose share of the slots the turn takes. None from an edge that does not send it."""
    session_id: SessionId | None = None
    """The session to continue; None draws a fresh one."""
    attempt: int = 1
    """2 where the process that ran it first died, and its client has seen nothing."""
    again_of: RunId | None = None
    """The run that it repeats, as the log has it. None: it is a first attempt, or an older edge sent it."""
    claimed: bool = False
    """The session is to be made under this very id: the edge claimed the caller's name for it."""
    reason: str = Reason.NO_HISTORY.value
    """Why it is continued, or made."""
    taken: Digest | None = None
    """The lineage digest at which the index had it."""
    bind: Digest | None = None
    """The caller's name, to be bound to whichever session runs the turn."""
    lineage: Lineage | None = None
    """Where the request's history stands."""
    authorization: str | None = field(default=None, repr=False)
    """The caller's own credential, for `UPSTREAM_AUTH_MODE=pass_through`; memory or sealed payload only."""
    traceparent: str | None = None
    """Under which the site is called (W3C Trace Context). None: nothing is traced."""
    bridged: Bridged | None = None
    """Whose run it is in a runtime; None: the upstream is none."""
    prepared: PreparedTurn = field(repr=False)
    """The turn, read."""

    @prepared.default
    def _prepare(self) -> PreparedTurn:
        return prepare(self.turn)


Sink = Callable[[list[Reply]], bool]
"""Takes pieces of an answer at once, in the step of whoever has them. Must not raise. Gives False where the reader has to go on
with what is left of them: then it is given no more."""


class Replies(Protocol):
    """What comes back for one submission. Used by one reader."""

    async def take(self) -> list[Reply]:
        """Waits for at least one reply and gives all that are pending, in order. After `Ended` nothing follows."""
        ...

    def deliver_to(self, sink: Sink | None) -> None:
        """Has pieces of the answer given to a sink while a `take` waits, as long as nothing is pending. None: `take` gives all.

        A chunk then reaches its client without a turn of the loop. An implementation may as well give everything to `take`.
        """
        ...

    def nudge(self) -> None:
        """Makes a `take` that waits (or the next one) return, with an empty list if nothing is pending.

        So a reader that has been silent for long gets to say so, without a deadline of its own around every `take`.
        """
        ...

    def headers_sent(self) -> None:
        """Status 200 has left: from now on a failing run ends inside the stream, and its `http_status` is 200."""
        ...

    def abort(self, detail: Detail) -> None:
        """The client went away (or stalled): positive evidence, told to the actor. Repeats are ignored."""
        ...

    def settle(self, receipt: Receipt, told: EndReason | None = None, times: EdgeTimes | None = None) -> None:
        """What became of the ending, once; recorded in the audit stream.

        Args:
            receipt: whether it was written.
            told: the reason under which the client was given it; None where it was given none.
            times: what the edge measured.
        """
        ...


class Dispatch(Protocol):
    """Where the edge hands turns in."""

    async def submit(self, submission: Submission) -> Replies:
        """Hands a turn to the owner of its session's shard.

        Raises:
            mix2api.errors.Overloaded: no owner, or the owner takes no more.
            mix2api.errors.StoreUnavailable: it has to travel through Redis and Redis is away.
        """
        ...
