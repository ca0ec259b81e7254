"""The group of budgets: what models take, how tokens are counted, how histories are trimmed."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from mix2api.settings.choices import SummaryKind, TokenizerKind
from mix2api.settings.readers import Choice, Flag, JsonObject, Place, Share, Whole
from mix2api.settings.setting import Setting, held

_CHARS: Final = Whole(1, 10_000_000)
_TOKENS: Final = Whole(1, 100_000_000)


@frozen(kw_only=True)
class Budget:
    """Budgets of models."""

    enabled: bool = held(
        Setting(
            "MIX2API_BUDGET",
            Flag(),
            "true",
            "turns are counted, trimmed to their model's budget and refused beyond it; `false`: none of it, and counts of "
            "tokens that the site does not give are estimates",
        )
    )
    profiles: Mapping[str, object] | None = held(
        Setting(
            "MODEL_PROFILE_JSON",
            JsonObject(),
            "",
            "profiles by full name, slug or `*` pattern: `context_window`, `max_input_tokens`, `max_new_tokens`, "
            "`default_new_tokens`, `encoding`, `image_rule`, in snake_case or camelCase",
        )
    )
    profiles_file: Path | None = held(
        Setting(
            "MIX2API_MODEL_PROFILES_FILE",
            Place(),
            "",
            "TOML file of the same; its profiles replace those of one name in `MODEL_PROFILE_JSON`",
        )
    )
    context_window: int = held(
        Setting(
            "MODEL_PROFILE_DEFAULT_CONTEXT_WINDOW",
            Whole(2, _TOKENS.most),
            "200000",
            "context window of a model whose profile does not say it",
            unit="tokens",
        )
    )
    max_input_tokens: int = held(
        Setting(
            "MODEL_PROFILE_DEFAULT_MAX_INPUT_TOKENS",
            _TOKENS,
            "120000",
            "input limit of such a model",
            unit="tokens",
        )
    )
    max_new_tokens: int = held(
        Setting(
            "MODEL_PROFILE_DEFAULT_MAX_NEW_TOKENS",
            _TOKENS,
            "8192",
            "output limit of such a model",
            unit="tokens",
        )
    )
    warned_models: int = held(
        Setting(
            "MODEL_PROFILE_FALLBACK_WARN_CACHE_SIZE",
            Whole(0, 1_000_000),
            "1024",
            "models without a profile that are remembered as warned of",
        )
    )
    tokenizer: TokenizerKind = held(
        Setting(
            "MIX2API_TOKENIZER",
            Choice(TokenizerKind),
            "tiktoken",
            "`tiktoken`: exact, 76 MB for `o200k_base` and 42 MB for `cl100k_base`; `estimate`: by kinds of characters, "
            "at most 15 % off on texts of 1,000 characters, for small machines",
        )
    )
    reserved_output: int = held(
        Setting(
            "TOKEN_BUDGET_DEFAULT_RESERVED_OUTPUT_TOKENS",
            _TOKENS,
            "1024",
            "room that is kept for the output where neither request nor profile says how long it may be",
            unit="tokens",
        )
    )
    lenient_limits: bool = held(
        Setting(
            "MIX2API_LENIENT_LIMITS",
            Flag(),
            "false",
            "an invalid `max_tokens` or `max_completion_tokens` is ignored with a warning, not refused",
        )
    )
    recent_messages: int = held(
        Setting(
            "BUDGET_TRIM_RECENT_MESSAGES",
            Whole(0, 100_000),
            "6",
            "newest messages that trimming takes last",
        )
    )
    message_max_chars: int = held(
        Setting(
            "BUDGET_TRIM_MESSAGE_MAX_CHARS",
            _CHARS,
            "1200",
            "longest message after trimming: 60 % of its head, 40 % of its tail",
            unit="characters",
        )
    )
    headroom: float = held(
        Setting(
            "MIX2API_BUDGET_HEADROOM",
            Share(most=0.9),
            "0.2",
            "share of the budget that trimming leaves free, so that the next turn is not trimmed again",
        )
    )
    summary_enabled: bool = held(
        Setting(
            "BUDGET_HISTORY_SUMMARY_ENABLED",
            Flag(),
            "false",
            "what was trimmed is summed up in a block headed `[历史摘要记忆]`",
        )
    )
    summary: SummaryKind = held(
        Setting(
            "MIX2API_BUDGET_SUMMARY",
            Choice(SummaryKind),
            "extractive",
            "`extractive`: lines of the history itself; `model`: the model is asked in a session of its own, and lines of "
            "the history stand where it fails",
        )
    )
    summary_timeout_ms: int = held(
        Setting(
            "MIX2API_BUDGET_SUMMARY_TIMEOUT_MS",
            Whole(1, 600_000),
            "10000",
            "how long a turn waits for a model's summary",
            unit="ms",
        )
    )
    summary_input_tokens: int = held(
        Setting(
            "MIX2API_BUDGET_SUMMARY_INPUT_TOKENS",
            _TOKENS,
            "8192",
            "what a model is shown to sum up: the task and the newest of what was trimmed",
            unit="tokens",
        )
    )
    summary_max_chars: int = held(
        Setting(
            "BUDGET_HISTORY_SUMMARY_MAX_CHARS",
            _CHARS,
            "600",
            "longest summary",
            unit="characters",
        )
    )
    summary_max_lines: int = held(
        Setting(
            "BUDGET_HISTORY_SUMMARY_MAX_LINES",
            Whole(1, 10_000),
            "10",
            "longest summary",
            unit="lines",
        )
    )
