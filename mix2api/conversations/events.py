"""The kinds of events in a conversation's log, as frozen structs, and the table of their names. Never any content.

Names and fields are a public contract, as those of chat sessions are (`mix2api.events.kinds`): golden bytes stay in the tests,
unknown fields are ignored, and a field may be added with a default. Texts, titles, ids of nodes and graphs rest sealed beside
the log (`mix2api.conversations.content`). Tasks are numbered from 0, in the order of the graph's nodes.
"""

from typing import Final

import msgspec
from msgspec import Struct

from mix2api.conversations.graph import NodeType
from mix2api.conversations.states import ExecutionStatus, PlanTrigger, Reason, TaskTrigger, TurnTrigger
from mix2api.events.kinds import Usage
from mix2api.vocabulary import Digest, ProcessId, RequestId, RunId

SCHEMA_VERSION: Final = 1
"""The highest version that this code writes and reads."""


class SessionCreated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation begins. Always the first event of its log."""

    at_ms: int
    """Wall clock, Unix milliseconds, as in all events."""
    owner: Digest
    """Fingerprint of the credential that it belongs to."""
    user: Digest
    """Of the owner's word for the user."""


class TurnCreated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message was accepted. Written before anything is done for it."""

    turn: int
    """From 1, in the order of acceptance."""
    at_ms: int
    client_message: Digest | None = None
    """Of the caller's id for the message: a repeat finds the turn by it."""


class TurnTaken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process works at the turn from now on, until the turn ends or another process takes it."""

    turn: int
    at_ms: int
    owner: ProcessId
    attempt: int
    """1, and one more for each process that was lost, or that began anew."""


class TurnMoved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The turn changes its stage."""

    turn: int
    at_ms: int
    trigger: TurnTrigger
    why: Reason | None = None


class PlannedTask(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node of the plan's graph, without its content."""

    type: NodeType
    agent_key: str
    """Of a configured agent, or the fallback."""
    depends: tuple[int, ...] = ()
    target: int | None = None
    """A CRITIC's WORKER."""
    max_refine: int = 0


class RouteTaken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the plan's graph was found."""

    route_type: str
    source_type: str
    draft_id: str | None = None
    definition_id: str | None = None
    definition_version: int | None = None
    scores: dict[str, float] | None = None
    """By definition id, of all that were considered."""
    tries: int = 0
    """Drafts that the model was asked for."""


class PlanMade(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Routing decision, plan and tasks, which appear together."""

    turn: int
    at_ms: int
    plan: int
    """From 1, in the order in which the session's plans were made."""
    route: RouteTaken
    tasks: tuple[PlannedTask, ...]
    summarize: bool = False


class PlanMoved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The plan changes its stage."""

    turn: int
    at_ms: int
    trigger: PlanTrigger


class TaskMoved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task changes its stage. A claim is an event of its own."""

    turn: int
    at_ms: int
    task: int
    trigger: TaskTrigger
    why: Reason | None = None


class TaskClaimed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process begins an attempt at a task."""

    turn: int
    at_ms: int
    task: int
    attempt: int
    """From 1; no attempt of a task has the number of another one."""
    owner: ProcessId
    lease_until_ms: int
    """Unix milliseconds. A task that is still claimed after it may be taken by any process."""
    request_id: RequestId
    """Of the call: `mix2api explain` takes it."""
    model: str
    """The configured name."""


class ExecutionEnded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt at a task ended. What follows from it for the task is an event of its own."""

    turn: int
    at_ms: int
    task: int
    attempt: int
    status: ExecutionStatus
    error_type: str | None = None
    """The `end_reason` of the call's run, or a `Reason`."""
    run_id: RunId | None = None
    usage: Usage | None = None


ConversationEvent = (
    SessionCreated
    | TurnCreated
    | TurnTaken
    | TurnMoved
    | PlanMade
    | PlanMoved
    | TaskMoved
    | TaskClaimed
    | ExecutionEnded
)
TurnEvent = TurnTaken | TurnMoved | PlanMade | PlanMoved | TaskMoved | TaskClaimed | ExecutionEnded
"""Events of a turn that exists."""

KINDS: Final[dict[str, type[ConversationEvent]]] = {
    "session_created": SessionCreated,
    "turn_created": TurnCreated,
    "turn_taken": TurnTaken,
    "turn": TurnMoved,
    "plan_made": PlanMade,
    "plan": PlanMoved,
    "task": TaskMoved,
    "task_claimed": TaskClaimed,
    "execution_ended": ExecutionEnded,
}
"""Name in the log -> kind."""
KIND_OF: Final = {kind: name for name, kind in KINDS.items()}
_encode: Final = msgspec.json.Encoder().encode
_decoders: Final = {name: msgspec.json.Decoder(kind).decode for name, kind in KINDS.items()}


class UnreadableConversation(ValueError):
    """A log, or a state, that this version cannot read. `why` is a word: `newer`, `kind`, `damaged`, `illegal`."""

    def __init__(self, why: str) -> None:
        super().__init__(f"unreadable conversation: {why}")
        self.why = why


def encode(event: ConversationEvent) -> tuple[str, int, bytes]:
    """An event's kind, version and data, as they stand in a stream entry."""
    return KIND_OF[type(event)], SCHEMA_VERSION, _encode(event)


def decode(kind: bytes, version: bytes, data: bytes) -> ConversationEvent:
    """The event of an entry.

    Raises:
        UnreadableConversation: a newer version, an unknown kind, or damage.
    """
    if not version.isdigit():
        raise UnreadableConversation("damaged")
    if int(version) > SCHEMA_VERSION:
        raise UnreadableConversation("newer")
    reader = _decoders.get(kind.decode("ascii", "replace"))
    if reader is None:
        raise UnreadableConversation("kind")
    try:
        return reader(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UnreadableConversation("damaged") from None
