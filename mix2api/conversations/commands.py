"""What a conversation can be told. Times and ids come in with the command: the core makes none."""

from enum import StrEnum

from msgspec import Struct

from mix2api.conversations.events import PlannedTask, RouteTaken
from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.events.kinds import Usage
from mix2api.vocabulary import Digest, ProcessId, RequestId, RunId


class CreateSession(Struct, frozen=True, kw_only=True):
    """Begin a conversation."""

    at_ms: int
    owner: Digest
    user: Digest


class AcceptTurn(Struct, frozen=True, kw_only=True):
    """Take a message on, as the session's next turn."""

    at_ms: int
    client_message: Digest | None = None


class TakeTurn(Struct, frozen=True, kw_only=True):
    """Work at a turn from now on. What its last process left under way runs once more."""

    at_ms: int
    owner: ProcessId


class BeginPlanning(Struct, frozen=True, kw_only=True):
    """The plan is about to be made."""

    at_ms: int
    owner: ProcessId


class RecordPlan(Struct, frozen=True, kw_only=True):
    """The plan is made."""

    at_ms: int
    owner: ProcessId
    route: RouteTaken
    tasks: tuple[PlannedTask, ...]
    summarize: bool = False


class ClaimTask(Struct, frozen=True, kw_only=True):
    """Begin an attempt at a task."""

    at_ms: int
    owner: ProcessId
    task: int
    lease_until_ms: int
    request_id: RequestId
    model: str


class Verdict(StrEnum):
    """What a CRITIC has said."""

    PASSED = "passed"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


class RecordExecution(Struct, frozen=True, kw_only=True):
    """An attempt at a task is over."""

    at_ms: int
    owner: ProcessId
    task: int
    attempt: int
    status: ExecutionStatus
    """COMPLETED, FAILED, TIMED_OUT, or LOST where this deployment could not make the call: it is made once more."""
    why: Reason = Reason.CALL_FAILED
    """Of FAILED."""
    verdict: Verdict = Verdict.PASSED
    """Of a CRITIC that COMPLETED."""
    error_type: str | None = None
    run_id: RunId | None = None
    usage: Usage | None = None


class RecordAnswer(Struct, frozen=True, kw_only=True):
    """The message is made of the outputs."""

    at_ms: int
    owner: ProcessId


class StopTurn(Struct, frozen=True, kw_only=True):
    """End the turn before its plan has ended well."""

    at_ms: int
    why: Reason
    owner: ProcessId | None = None
    """Only if this process works at it; None: whoever does."""


TurnCommand = TakeTurn | BeginPlanning | RecordPlan | ClaimTask | RecordExecution | RecordAnswer | StopTurn
"""Commands to a turn that exists."""
