"""`docs/conversation-stages.md`, rendered from the three tables of transitions.

`python -m mix2api.conversations.diagram > docs/conversation-stages.md` writes it.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from mix2api.conversations.states import (
    PLAN_ENDS,
    PLANS,
    TASK_ENDS,
    TASKS,
    TURN_ENDS,
    TURNS,
    PlanStage,
    PlanTrigger,
    TaskStage,
    TaskTrigger,
    TurnStage,
    TurnTrigger,
)

_HEAD: Final = """\
# The stages of turns, plans and tasks

Generated from `mix2api/conversations/states.py` by `python -m mix2api.conversations.diagram`; a test
holds it to the tables. A trigger without a row is illegal: no command makes one, and a log that
holds one cannot be read.
"""


def document() -> str:
    """The whole page."""
    parts = (
        ("Turns", TurnStage, TurnTrigger, TURNS, TURN_ENDS),
        ("Plans", PlanStage, PlanTrigger, PLANS, PLAN_ENDS),
        ("Tasks", TaskStage, TaskTrigger, TASKS, TASK_ENDS),
    )
    lines = [line for part in parts for line in _part(*part)]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _part(
    title: str,
    stages: type[StrEnum],
    triggers: type[StrEnum],
    table: Mapping[tuple[StrEnum, StrEnum], StrEnum],
    ends: frozenset[StrEnum],
) -> Iterator[str]:
    yield from ("", f"## {title}", "", "```mermaid", "stateDiagram-v2")
    yield f"    [*] --> {next(iter(stages))}"
    rows = [
        (stage, word, table[stage, word]) for stage in stages for word in triggers if (stage, word) in table
    ]
    for start in stages:
        for target in stages:
            words = [word.value for stage, word, after in rows if (stage, after) == (start, target)]
            if words:
                yield f"    {start} --> {target}: {' or '.join(words)}"
    yield from (f"    {stage} --> [*]" for stage in stages if stage in ends)
    yield from ("```", "", "| stage | trigger | stage after it |", "|---|---|---|")
    yield from (f"| {stage} | {word} | {after} |" for stage, word, after in rows)


if __name__ == "__main__":
    sys.stdout.write(document())
