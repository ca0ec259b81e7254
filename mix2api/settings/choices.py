"""The closed lists that settings choose from."""

from enum import StrEnum


class LogFormat(StrEnum):
    """How a log line looks (`MIX2API_LOG_FORMAT`)."""

    CONSOLE = "console"
    """For people: coloured on a terminal."""
    LOGFMT = "logfmt"
    """`key=value`, for grep."""
    JSON = "json"
    """One object a line, for machines."""


class LogLevel(StrEnum):
    """The least level that is written (`MIX2API_LOG_LEVEL`)."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class InboundAuthMode(StrEnum):
    """How callers prove themselves (`INBOUND_AUTH_MODE`)."""

    BEARER = "bearer"
    KEYS = "keys"
    NONE = "none"


class UpstreamAuthMode(StrEnum):
    """Whose credential goes upstream (`UPSTREAM_AUTH_MODE`)."""

    STATIC = "static"
    MANAGED = "managed"
    PASS_THROUGH = "pass_through"  # noqa: S105 - a word, no secret
    NONE = "none"


class TokenMethod(StrEnum):
    """How a token endpoint is asked (`UPSTREAM_TOKEN_METHOD`)."""

    POST = "post"
    GET = "get"
    PUT = "put"


class UpstreamKind(StrEnum):
    """What stands upstream (`MIX2API_UPSTREAM`)."""

    MIX = "mix"
    OPENAI = "openai"
    RESPONSES = "responses"
    OPENCODE = "opencode"


class Permissions(StrEnum):
    """What a runtime is answered that asks for a permission (`OPENCODE_PERMISSIONS`)."""

    DENY = "deny"
    ALLOW = "allow"


class UpstreamStream(StrEnum):
    """Which answers the site is asked to stream (`MIX2API_UPSTREAM_STREAM`)."""

    ALWAYS = "always"
    AS_ASKED = "as_asked"


class StoreMode(StrEnum):
    """Where the event log lives (`SESSION_STORE_MODE`)."""

    AUTO = "auto"
    REDIS = "redis"
    MEMORY = "memory"


class SessionKeyMode(StrEnum):
    """Who may share sessions (`SESSION_KEY_MODE`).

    Every mode stays inside the caller's own credential, and the model belongs to it too, as it did in the earlier adapter.
    """

    AUTH_MODEL_CLIENT = "auth_model_client"
    AUTH_MODEL = "auth_model"
    AUTH = "auth"
    MODEL = "model"


class SessionReuse(StrEnum):
    """How a request finds the session it continues (`MIX2API_SESSION_REUSE`)."""

    LINEAGE = "lineage"
    KEY = "key"


class TokenizerKind(StrEnum):
    """How tokens are counted (`MIX2API_TOKENIZER`)."""

    TIKTOKEN = "tiktoken"
    ESTIMATE = "estimate"


class SummaryKind(StrEnum):
    """What sums up a trimmed history (`MIX2API_BUDGET_SUMMARY`)."""

    EXTRACTIVE = "extractive"
    MODEL = "model"


class ToolInstructionMode(StrEnum):
    """Where a site without native tools is told of them (`TOOL_INSTRUCTION_MODE`)."""

    QUERY = "query"
    MESSAGES = "messages"
    BOTH = "both"
    NONE = "none"


class TraceMode(StrEnum):
    """What a trace holds (`MIX2API_TRACE_MODE`)."""

    METADATA = "metadata"
    CONTENT = "content"


class BindingScope(StrEnum):
    """What stays with its account (`MIX2API_ACCOUNTS_BINDING_SCOPE`)."""

    API_KEY = "apikey"
    SESSION = "session"
    LINEAGE = "lineage"
    NONE = "none"


class Think(StrEnum):
    """Where thought goes that a site writes into its text (`MIX2API_THINK`)."""

    REASONING = "reasoning"
    TEXT = "text"


class Busy(StrEnum):
    """What a message does to a conversation whose last turn still runs."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    INTERRUPT = "interrupt"
