"""The ids that callers are given of turns, plans, tasks and messages. Each carries its conversation, so no index is needed. Pure.

A conversation's key is a keyed digest of its owner and its session id, so an id tells nothing. It is no secret either: every
look at a conversation compares its owner with the caller.
"""

import re
from typing import Final

from attrs import frozen

from mix2api.vocabulary import Digest

_ID: Final = re.compile(r"(turn|plan)_([0-9a-f]{32})_([1-9][0-9]{0,8})")
_TASK: Final = re.compile(r"task_([0-9a-f]{32})_([1-9][0-9]{0,8})_(0|[1-9][0-9]{0,3})")


@frozen
class TurnRef:
    """One turn of one conversation."""

    conversation: Digest
    number: int

    @property
    def turn_id(self) -> str:
        """The turn's id."""
        return f"turn_{self.conversation}_{self.number}"

    @property
    def plan_id(self) -> str:
        """The id of the turn's plan."""
        return f"plan_{self.conversation}_{self.number}"

    def task_id(self, task: int) -> str:
        """The id of a task of the turn's plan."""
        return f"task_{self.conversation}_{self.number}_{task}"

    def message_id(self, role: str) -> str:
        """The id of the user's or the assistant's message."""
        return f"msg_{self.conversation}_{self.number}_{role}"


def read_ref(word: str, kind: str) -> TurnRef | None:
    """The turn that an id of this kind (`turn`, `plan`) names; None if it is none of our form."""
    found = _ID.fullmatch(word)
    if found is None or found[1] != kind:
        return None
    return TurnRef(Digest(found[2]), int(found[3]))


def read_task(word: str) -> tuple[TurnRef, int] | None:
    """The turn and the task's number that a task id names; None if it is none of our form."""
    found = _TASK.fullmatch(word)
    return None if found is None else (TurnRef(Digest(found[1]), int(found[2])), int(found[3]))


def read_turn(word: str) -> TurnRef | None:
    """The turn that a turn's, plan's or task's id belongs to; None if the word is no such id."""
    task = read_task(word)
    return read_ref(word, "turn") or read_ref(word, "plan") or (None if task is None else task[0])
