"""The group of conversations: whether there are any, how their turns run, how long they rest."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from pathlib import Path
from typing import Final

from attrs import frozen

from mix2api.settings.bounds import DAY_MS, DAY_S
from mix2api.settings.choices import Busy
from mix2api.settings.readers import Choice, Flag, Place, Text, Whole
from mix2api.settings.setting import Setting, held

_LONGEST_DAYS: Final = 36_500
"""A hundred years."""


@frozen(kw_only=True)
class Conversing:
    """Conversations, plans and tasks."""

    enabled: bool = held(
        Setting(
            "MIX2API_CONVERSATIONS",
            Flag(),
            "false",
            "the API of conversations, plans and tasks below `/api`; it keeps content, sealed under `MIX2API_SECRET`",
        )
    )
    retention_days: int = held(
        Setting(
            "MIX2API_CONVERSATIONS_RETENTION_DAYS",
            Whole(0, _LONGEST_DAYS),
            "0",
            "how long a conversation rests after its last change; 0: until it is deleted",
            unit="days",
        )
    )
    busy: Busy = held(
        Setting(
            "MIX2API_CONVERSATIONS_BUSY",
            Choice(Busy),
            "enqueue",
            "a message to a session whose turn still runs: `enqueue`: it waits; `reject`: 409; `interrupt`: it cancels that turn",
        )
    )
    drafts: bool = held(
        Setting(
            "MIX2API_CONVERSATIONS_DRAFTS",
            Flag(),
            "true",
            "whether the model drafts a graph of tasks for a message that no definition is for; `false`: one task answers it",
        )
    )
    parallel: int = held(
        Setting(
            "MIX2API_CONVERSATIONS_PARALLEL", Whole(1, 50), "4", "tasks of one plan that run at the same time"
        )
    )
    calls: int = held(
        Setting(
            "MIX2API_CONVERSATIONS_CALLS",
            Whole(1, 100_000),
            "64",
            "model calls of all plans at the same time in one process; more wait",
        )
    )
    call_timeout_ms: int = held(
        Setting(
            "MIX2API_CONVERSATIONS_CALL_TIMEOUT_MS",
            Whole(1, DAY_MS),
            "300000",
            "one model call of a plan; the first one of a task that takes longer is repeated",
            unit="ms",
        )
    )
    stall_s: int = held(
        Setting(
            "MIX2API_CONVERSATIONS_STALL_S",
            Whole(1, DAY_S),
            "900",
            "a turn that makes no step for so long fails",
            unit="s",
        )
    )
    model: str | None = held(
        Setting(
            "MIX2API_CONVERSATIONS_MODEL",
            Text(255),
            "",
            "the model that plans, and runs the tasks of agents without a model; empty: the first one of `MODEL_LIST`",
        )
    )
    agents_file: Path | None = held(
        Setting(
            "MIX2API_CONVERSATIONS_AGENTS_FILE",
            Place(),
            "",
            "TOML with the agents that nodes of a plan may name; empty: `assistant` alone",
        )
    )
