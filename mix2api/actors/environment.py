"""What every actor of a process is given: ports, limits, and whom to tell."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import field, frozen

from mix2api.actors.answer import Answer
from mix2api.actors.budgets import Budgets
from mix2api.actors.site_bounds import ANSWER_BYTES
from mix2api.actors.told_tools import CallRead, ToolsChosen
from mix2api.clock import Clock
from mix2api.events.kinds import End, Request
from mix2api.events.log import EventLog
from mix2api.identity import Mint
from mix2api.replies import BACKLOG_BYTES
from mix2api.sealing import Seal
from mix2api.sessions.aborting import AbortAsked
from mix2api.sessions.worker_port import Ended, Submission
from mix2api.upstreams.port import Upstream
from mix2api.vocabulary import Channel, ProcessId, SessionId
from mix2api.wire.turn import Message

ACCEPT_LIMIT_S: Final = 0.5
"""How long a request waits for a store that is away, then 503 (ADR 17)."""
END_LIMIT_S: Final = 0.5
"""How long an ending waits for a store that is away, then it leaves unacknowledged."""
END_BUSY_LIMIT_S: Final = 10.0
"""How long an ending waits while the store answers. By then a client takes the stream for dead (idle timeouts begin at 15 s)."""
QUEUE_LENGTH: Final = 8
"""Turns that may wait for one session: more than any client has in flight, few enough that none waits in vain."""
SNAPSHOT_EVERY: Final = 8
"""Turns between two snapshots: a cold session folds at most about fifty events."""


async def nobody_elsewhere(_: AbortAsked) -> None:
    """No other process runs turns."""


def never(_: str) -> bool:
    """No model's site: each has native tools."""
    return False


@frozen(kw_only=True)
class ActorOptions:
    """Limits that operators set."""

    queue_timeout_s: float = 10.0
    """How long a turn may wait for a slot and for its session (`MIX2API_QUEUE_TIMEOUT_MS`)."""
    max_concurrency: int = 2000
    """Slots: turns that run, or wait for their session, in this process (`MIX2API_MAX_CONCURRENCY`)."""
    queue_max: int = 1000
    """Turns that wait for a slot (`MIX2API_QUEUE_MAX`)."""
    chunk_window_s: float = 0.25
    """How long deltas are coalesced in the log (`MIX2API_CHUNK_WINDOW_MS`)."""
    idle_s: float = 60.0
    """How long an idle actor stays in memory (`MIX2API_ACTOR_IDLE_S`)."""
    idle_max: int = 1000
    """How many idle actors stay in memory (`MIX2API_ACTOR_IDLE_MAX`)."""
    session_ttl_s: float = 1800.0
    """How long a session waits for its next turn (`SESSION_TTL_MS`)."""
    messages_max: int = 0
    """New messages that a continued turn sends (`UPSTREAM_MESSAGES_MAX`); older ones are withheld. 0, here and below: no limit."""
    message_max_chars: int = 0
    """Characters of one of them (`UPSTREAM_MESSAGE_MAX_CHARS`)."""
    tools_in_text: Callable[[str], bool] = never
    """Whether the site of a model has no native tools: it is told of them in words, and its text is read for calls
    (`SEND_UPSTREAM_TOOLS`)."""
    thought_apart: bool = True
    """Thought that the site writes into its text leaves as reasoning (`MIX2API_THINK`)."""
    tool_result_max_chars: int = 0
    """Characters of a tool result (`TOOL_RESULT_MAX_CHARS`)."""
    system_prompt_max_chars: int = 0
    """Characters of the leading instructions where tools are told in text (`SYSTEM_PROMPT_MAX_CHARS`)."""
    tools_max: int = 0
    """Tools that are told in text (`TOOL_MAX_COUNT`)."""
    tool_description_max_chars: int = 0
    """Characters of the description of one of them (`TOOL_DESC_MAX_CHARS`)."""
    answer_bytes: int = ANSWER_BYTES
    """UTF-8 bytes of an answer's content (`MIX2API_ANSWER_MAX_BYTES`)."""
    backlog_bytes: int = BACKLOG_BYTES
    """Bytes that may wait for a client before the upstream is read no further (`MIX2API_STREAM_BACKLOG_BYTES`)."""
    stall_s: float = 60.0
    """How long a run waits for a client that reads nothing (`MIX2API_CLIENT_STALL_S`)."""
    expose_account: bool = False
    """Whether a client is told the account that serves it (`MIX2API_EXPOSE_ACCOUNT`)."""


@frozen(kw_only=True)
class Completed:
    """An accepted run that ended, for the canonical log line and metrics."""

    session_id: SessionId
    request: Request
    end: End
    chunks: int
    """Deltas given to the client."""
    chosen_host: str | None = None
    """Host and port of the upstream, if the request chose it itself."""
    messages: Sequence[Message] = field(default=(), repr=False)
    """Of the request. Content: nobody may keep it or `answer` unless the operator asked for that. Empty for a lost run."""
    answer: Answer | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Environment:
    """Handed down by the composition root."""

    process: ProcessId
    channel: Channel
    log: EventLog
    upstream: Upstream
    clock: Clock
    seal: Seal
    options: ActorOptions
    model_names: frozenset[str]
    """The configured models: only these names stand in events in clear."""
    reclaim: Callable[[SessionId], Awaitable[bool]]
    """Takes the lease of a session's shard again if nobody has it; gives whether we hold it now. Never raises `StoreUnavailable`."""
    on_completed: Callable[[Completed], None]
    supersede_elsewhere: Callable[[AbortAsked], Awaitable[None]] = nobody_elsewhere
    """Ends a session's run at whichever other process has it, because a newer turn has come here. Waits a bounded time."""
    on_unheard: Callable[[Submission, Ended], None]
    """A turn ended without having been accepted, and its edge is gone: nobody else can report it."""
    mint: Mint
    """For a run that is begun again."""
    on_schema_fallback: Callable[[SessionId], None]
    """A session's log could not be read by this version: counted and logged, never an error."""
    budgets: Budgets | None = None
    """None: turns are not counted (`MIX2API_BUDGET`)."""
    on_fault: Callable[[SessionId | None, BaseException], None]
    """A fault of ours, in a session or beside them (None), for the log: class and place, never the text."""
    on_audited: Callable[[bytes, bytes], None]
    """A run's audit entry was written, or will be once the store is back: its two halves (`mix2api.events.audit_entry`)."""
    on_tools: Callable[[ToolsChosen], None] | None = None
    """Told of the tools of each turn that has some (`LOG_TOOL_SELECTION`). None: nobody asks."""
    on_call_read: Callable[[CallRead], None] | None = None
    """Told of each call that a site wrote into its text (`LOG_TOOL_PARSE`). None: nobody asks."""
