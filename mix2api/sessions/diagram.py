"""`docs/session.md`, rendered from the table of transitions: `python -m mix2api.sessions.diagram > docs/session.md`."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from mix2api.sessions.state import Stage
from mix2api.sessions.transitions import TRANSITIONS, Trigger

_HEAD: Final = """\
# The session

Generated from `mix2api/sessions/transitions.py` by `python -m mix2api.sessions.diagram`; a test holds it to the table.
What each stage means stands in `mix2api/sessions/state.py`, what each event tells in `mix2api/events/kinds.py`.

## Stages

Events that leave the stage as it is are not drawn; the table has them.

"""
_MIDDLE: Final = """
## The legal order of events

An event without a row is illegal: no command makes one, and a log that holds one is not continued.
`tool_call`, `tool_result`, `upstream_chunk` and `end` must also be the next of the run under way by `run_id` and `seq`.

"""


def document() -> str:
    """The whole page."""
    return "".join([_HEAD, *_lines(_diagram()), _MIDDLE, *_lines(_table())])


def _lines(lines: Iterable[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {Stage.VACANT}"
    for start in Stage:
        for target in Stage:
            triggers = [t for t in Trigger if TRANSITIONS.get((start, t)) is target]
            if triggers and start is not target:
                yield f"    {start} --> {target}: {_label(triggers)}"
    yield f"    {Stage.RETIRED} --> [*]"
    yield "```"


def _label(triggers: list[Trigger]) -> str:
    """Triggers of one kind share its name: `upstream_chunk text or reasoning`."""
    words: dict[str, list[str]] = {}
    for trigger in triggers:
        kind, _, word = trigger.partition(" ")
        words.setdefault(kind, []).append(word)
    return ", ".join(f"{kind} {' or '.join(listed)}".strip() for kind, listed in words.items())


def _table() -> Iterator[str]:
    yield "| stage | event | stage after it |"
    yield "|---|---|---|"
    for start in Stage:
        for trigger in Trigger:
            target = TRANSITIONS.get((start, trigger))
            if target is not None:
                yield f"| {start} | {trigger} | {target} |"


if __name__ == "__main__":
    sys.stdout.write(document())
