"""Ids and closed sets that every other module uses. No behaviour beyond what a set knows of itself.

The words are those of `docs/glossary.md`; the lists are closed, and a value that is written to the log stays
in its list for ever.
"""

from enum import StrEnum
from typing import Final, NewType

SessionId = NewType("SessionId", str)
"""Ours, random, carries its shard (`mix2api.identity`); may be logged."""
RunId = NewType("RunId", str)
"""Ours, time-ordered and unique; may be logged."""
RequestId = NewType("RequestId", str)
"""The caller's word for correlation: 1-128 of `[A-Za-z0-9._:-]`; may repeat; may be logged."""
ProcessId = NewType("ProcessId", str)
"""One running process of ours: host-independent, random, new at every start."""
Shard = NewType("Shard", int)
"""0 ≤ shard < `MIX2API_SHARDS`; names the Redis hash tag `{sNN}`."""
Digest = NewType("Digest", str)
"""Hex of a keyed BLAKE2b: equal for equal input under one secret, says nothing else."""
Sealed = NewType("Sealed", str)
"""Base64url of nonce + AES-GCM ciphertext under the deployment's secret."""


class EndReason(StrEnum):
    """Why a run ended. Closed; `mix2api.endings` says what each means outside, `docs/log-line.md` which `detail` it has."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    CLIENT_ABORT = "client_abort"
    SUPERSEDED = "superseded"
    INVALID_REQUEST = "invalid_request"
    AUTH_ERROR = "auth_error"
    BUDGET_REJECTED = "budget_rejected"
    TIMEOUT = "timeout"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_AUTH_ERROR = "upstream_auth_error"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    WORKER_LOST = "worker_lost"
    ADAPTER_ERROR = "adapter_error"
    UNKNOWN = "unknown"


SUCCESSES: Final = frozenset(
    {EndReason.STOP, EndReason.TOOL_CALLS, EndReason.LENGTH, EndReason.CONTENT_FILTER}
)
"""The reasons under which the client gets a finish that means success."""


class Fault(StrEnum):
    """Whose doing an ending was."""

    NOBODY = "nobody"
    CLIENT = "client"
    UPSTREAM = "upstream"
    MIX2API = "mix2api"


class Detail(StrEnum):
    """The closed list of an ending's `detail`. `adapter_error` alone has an exception's class name instead."""

    CONNECT = "connect"
    FIRST_BYTE = "first_byte"
    IDLE = "idle"
    TOTAL = "total"
    STATUS = "status"
    TRUNCATED = "truncated"
    ERROR_FRAME = "error_frame"
    ABORTED = "aborted"
    PROTOCOL = "protocol"
    CONNECT_FAILED = "connect_failed"
    QUEUE = "queue"
    DEADLINE = "deadline"
    NO_OWNER = "no_owner"
    EXPIRED = "expired"
    DRAIN = "drain"
    """`overloaded`: the process was told to stop and its drain limit passed."""
    BEFORE_UPSTREAM = "before_upstream"
    BEFORE_OUTPUT = "before_output"
    MID_STREAM = "mid_stream"
    EDGE_LOST = "edge_lost"
    SESSION_LOST = "session_lost"
    """`upstream_error`: the site no longer knows the session that was continued, or answered under another one."""
    LOGIN = "login"
    """`upstream_auth_error`: no token could be fetched; the site itself was not asked, or had refused before."""
    FENCED = "fenced"
    """`worker_lost`: another process took the run over while this one still worked at it."""
    STALLED = "stalled"
    """`client_abort`: the client kept the connection but read nothing for the stall limit."""
    BROKEN_CALL = "broken_call"
    """`stop`, `tool_calls`: the site called a tool in a way that cannot be read; the client did not get that call.
    `upstream_error`: a stream's client had got a part of such a call."""
    DROPPED_CALL = "dropped_call"
    """`stop`, `tool_calls`: the site called a tool that the client had not offered, or one more than it allowed."""
    HUNG_UP = "hung_up"
    """`client_abort`: the connection was closed by the client."""
    ASKED = "asked"
    """`client_abort`: the client asked for the end of its session's run, by another request."""
    TOO_LARGE = "too_large"
    """`upstream_error`: an answer, a frame, a head or an id of the site is over its bound in bytes."""
    TOO_MANY = "too_many"
    """`upstream_error`: the site sent more calls, frames without content or interim answers than a run may have."""
    SILENT = "silent"
    """`timeout`: the site sent bytes, but no content, for the limit of silence."""
    CONNECTIONS = "connections"
    """`overloaded`: as many clients are connected as the process takes."""
    DESCRIPTORS = "descriptors"
    """`overloaded`: the process has no file descriptor left."""
    CONTEXT_LENGTH = "context_length"
    """`upstream_error`: the site, or the model behind it, found the conversation too long."""
    FILTERED = "filtered"
    """`upstream_error`: a content filter refused the request instead of ending an answer."""
    RATE_LIMIT = "rate_limit"
    """`upstream_error`: the site was asked too often, and said so in words rather than by status."""
    QUOTA = "quota"
    """`upstream_error`: the site's account has nothing left to spend."""
    UNKNOWN_FINISH = "unknown_finish"
    """`stop`, `tool_calls`: the site gave a finish reason that is not known here."""
    OWNER_GONE = "owner_gone"
    """`upstream_error`: the request refers to what one account has made, and that account cannot serve now."""
    NO_HISTORY = "no_history"
    """`invalid_request`, `unavailable`: the request brings no history, and that of its client session is not there."""
    BUSY = "busy"
    """`overloaded`: the process was too busy to make the request durable in time; the store answers."""


class ChunkKind(StrEnum):
    """What an `upstream_chunk` event tells of."""

    OPEN = "open"
    START = "start"
    TEXT = "text"
    REASONING = "reasoning"
    TOOL_INPUT = "tool_input"
    FINISH = "finish"
    ERROR = "error"
    CAUSE = "cause"


class FinishReason(StrEnum):
    """OpenAI's `finish_reason` values that this adapter gives with success."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


class Context(StrEnum):
    """What is known of the upstream session's context after a run."""

    UNCHANGED = "unchanged"
    EXTENDED = "extended"
    UNKNOWN = "unknown"


class SessionWord(StrEnum):
    """What a `session` event tells of."""

    OPENED = "opened"
    RETIRED = "retired"
    GAP = "gap"
    TAKEN_OVER = "taken_over"
    WARNING = "warning"


class Retirement(StrEnum):
    """What became of an operator's wish that a session be never continued."""

    RETIRED = "retired"
    ALREADY = "already"
    """It was retired before."""
    VACANT = "vacant"
    """Nothing is known of it."""
    UNREADABLE = "unreadable"
    """Its log cannot be read: it is never continued anyway."""
    BUSY = "busy"
    """A lost process left a run in it that has not been ended yet."""
    NOT_OWNER = "not_owner"
    """The process that was asked does not hold its shard any more."""
    UNAVAILABLE = "unavailable"
    """The store did not answer in time; it may have been retired."""


class Channel(StrEnum):
    """Release channel of a process (`MIX2API_CHANNEL`)."""

    STABLE = "stable"
    CANARY = "canary"


class ClientName(StrEnum):
    """The closed list of clients, from User-Agent or `x-client`; all others are `other`."""

    OPENCODE = "opencode"
    CLAUDE_CODE = "claude_code"
    CODEX = "codex"
    QWEN_CODE = "qwen_code"
    KILO_CODE = "kilo_code"
    ROO_CODE = "roo_code"
    CLINE = "cline"
    CURSOR = "cursor"
    CRUSH = "crush"
    GOOSE = "goose"
    AIDER = "aider"
    OPENHANDS = "openhands"
    CONTINUE = "continue"
    ZED = "zed"
    COPILOT = "copilot"
    SMOLAGENTS = "smolagents"
    OPENAI_AGENTS = "openai_agents"
    OPENAI_PYTHON = "openai_python"
    OPENAI_NODE = "openai_node"
    AI_SDK = "ai_sdk"
    LANGCHAIN = "langchain"
    LITELLM = "litellm"
    PYDANTIC_AI = "pydantic_ai"
    NEW_API = "new_api"
    CURL = "curl"
    OTHER = "other"


class Receipt(StrEnum):
    """What the edge knows of the ending it gave a client, as it stands in the audit stream."""

    WRITTEN = "written"
    """Finish and `[DONE]` (or the whole body) were handed to the kernel."""
    ERROR_WRITTEN = "error_written"
    """A failing ending was written whole, `[DONE]` included."""
    CLIENT_LEFT = "client_left"
    """The client went away before the ending was written."""
    RERUN = "rerun"
    """Nothing was written: the turn goes on as another run, because the site had lost its session, or its worker was lost."""
    END_UNACKED = "end_unacked"
    """The ending was written before its `end` was acknowledged by the store."""
