"""What was left out of a history, in a few of its own lines. Pure and deterministic: nothing is made up.

The names, the heading and the bounds are the earlier adapter's (`BUDGET_HISTORY_SUMMARY_*`).
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from attrs import frozen

from mix2api.tools.instruction import text_of
from mix2api.wire.turn import Message

HEADING: Final = "[历史摘要记忆]"
"""First line of the block; prompts that operators have refer to it."""
LINE_CHARS: Final = 180
_READ_CHARS: Final = 2000
"""Characters of a message that are looked at for its line: a message of a megabyte costs no more than another."""
_SPEAKERS: Final = frozenset({"user", "assistant"})


class SummaryOutcome(StrEnum):
    """Whose summary stands in a trimmed history. Closed; in `request`."""

    EXTRACTIVE = "extractive"
    """Lines of the history itself."""
    MODEL = "model"
    """The model's own (`MIX2API_BUDGET_SUMMARY=model`)."""
    MODEL_LATE = "model_late"
    """The model was asked and did not answer in time: lines of the history, if any fit."""
    MODEL_FAILED = "model_failed"
    """The model was asked and failed, or its answer was empty or too long: lines of the history, if any fit."""


@frozen(kw_only=True)
class SummaryBounds:
    """How long the block may be."""

    max_chars: int = 600
    """With its heading and line breaks."""
    max_lines: int = 10
    """Without the heading."""


def summary_of(left_out: Sequence[Message], bounds: SummaryBounds) -> str | None:
    """The block; None if nothing was said in what was left out, or nothing fits.

    First comes the oldest user message, which has the task; then the newest messages. All stand in the order in which
    they were said. Results of tools have no line: a line of one says nothing.
    """
    lines = [(place, line) for place, message in enumerate(left_out) if (line := _line(message))]
    room = bounds.max_chars - len(HEADING)
    chosen: list[tuple[int, str]] = []
    for place, line in by_weight(lines, left_out):
        if len(chosen) == bounds.max_lines or len(line) + 1 > room:
            break
        chosen.append((place, line))
        room -= len(line) + 1
    if not chosen:
        return None
    return "\n".join((HEADING, *(line for _, line in sorted(chosen))))


def by_weight(lines: list[tuple[int, str]], left_out: Sequence[Message]) -> Iterator[tuple[int, str]]:
    """Lines with the places of their messages: that of the oldest user message first, then the newest."""
    task = next((entry for entry in lines if left_out[entry[0]].role == "user"), None)
    if task is not None:
        yield task
    yield from (entry for entry in reversed(lines) if entry is not task)


def _line(message: Message) -> str:
    """One line of a message; empty if it has no words."""
    if message.role not in _SPEAKERS:
        return ""
    said = " ".join(text_of(message)[:_READ_CHARS].split())
    return f"- {message.role}: {said}"[:LINE_CHARS] if said else ""
