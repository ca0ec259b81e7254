"""Settings whose service is not built yet: known, checked, and never silently ignored.

A row leaves this table for a field of a group (`mix2api.settings.groups`) when it takes effect.
"""

from typing import Final

from mix2api.settings.readers import Flag, JsonObject, Share, Whole
from mix2api.settings.setting import Setting

_CHARS: Final = Whole(1, 10_000_000)
_TOKENS: Final = Whole(1, 100_000_000)
_NO_BUDGETS: Final = "tokens are not counted and nothing is trimmed yet"
_NO_TRACES: Final = "no traces are taken yet"
_NO_DEBUG_LINES: Final = "no such debugging lines are written yet"

LATER: Final[tuple[Setting, ...]] = (
    Setting(
        "MIX2API_RERUN",
        Flag(),
        "true",
        "a turn of a dead process runs once more if its client has seen nothing",
        lack="nothing is run a second time yet, whatever stands here",
    ),
    Setting("MODEL_PROFILE_JSON", JsonObject(), "", "profiles by model", lack=_NO_BUDGETS),
    Setting(
        "MODEL_PROFILE_DEFAULT_CONTEXT_WINDOW",
        _TOKENS,
        "200000",
        "context window of other models",
        unit="tokens",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "MODEL_PROFILE_DEFAULT_MAX_INPUT_TOKENS",
        _TOKENS,
        "120000",
        "input limit of other models",
        unit="tokens",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "MODEL_PROFILE_DEFAULT_MAX_NEW_TOKENS",
        _TOKENS,
        "8192",
        "output limit of other models",
        unit="tokens",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "MODEL_PROFILE_FALLBACK_WARN_CACHE_SIZE",
        Whole(0, 1_000_000),
        "1024",
        "models without a profile that are remembered as warned of",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "TOKEN_BUDGET_DEFAULT_RESERVED_OUTPUT_TOKENS",
        _TOKENS,
        "1024",
        "room that is kept for the output",
        unit="tokens",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "BUDGET_TRIM_RECENT_MESSAGES",
        Whole(0, 100_000),
        "6",
        "newest messages that trimming keeps",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "BUDGET_TRIM_MESSAGE_MAX_CHARS",
        _CHARS,
        "1200",
        "longest message after trimming",
        unit="characters",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "BUDGET_HISTORY_SUMMARY_ENABLED", Flag(), "false", "what was trimmed is summed up", lack=_NO_BUDGETS
    ),
    Setting(
        "BUDGET_HISTORY_SUMMARY_MAX_CHARS",
        _CHARS,
        "600",
        "longest summary",
        unit="characters",
        lack=_NO_BUDGETS,
    ),
    Setting(
        "BUDGET_HISTORY_SUMMARY_MAX_LINES",
        Whole(1, 10_000),
        "10",
        "longest summary",
        unit="lines",
        lack=_NO_BUDGETS,
    ),
    Setting("LOG_HEADERS", Flag(), "false", "debugging: headers, redacted", lack=_NO_DEBUG_LINES),
    Setting("LOG_BODIES", Flag(), "false", "debugging: bodies, redacted", lack=_NO_DEBUG_LINES),
    Setting(
        "LOG_TOOL_PARSE", Flag(), "false", "debugging: tool calls in text, redacted", lack=_NO_DEBUG_LINES
    ),
    Setting("LOG_TOOL_SELECTION", Flag(), "false", "debugging: chosen tools", lack=_NO_DEBUG_LINES),
    Setting("LOG_TOKEN_INFO", Flag(), "false", "debugging: life of tokens", lack=_NO_DEBUG_LINES),
    Setting("MIX2API_TRACE_SAMPLE_RATE", Share(), "0", "share of requests that are traced", lack=_NO_TRACES),
    Setting(
        "MIX2API_TRACE_TTL_S",
        Whole(1, 86_400),
        "86400",
        "how long a trace is kept",
        unit="s",
        lack=_NO_TRACES,
    ),
)
