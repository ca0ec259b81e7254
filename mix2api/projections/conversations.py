"""The audit of conversations: each accepted turn has one end or is open, and what rests beside a log is what the log says. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import define, field

from mix2api.conversations.events import ConversationEvent
from mix2api.conversations.evolve import IllegalEvent, fold
from mix2api.conversations.state import Session, Turn
from mix2api.vocabulary import Digest

WRONG_MAX: Final = 20
"""Conversations that are named; all of them are counted."""


@define
class ConversationAudit:
    """What the logs of conversations add up to."""

    conversations: int = 0
    turns: Counter[str] = field(factory=Counter)
    """By status."""
    plans: Counter[str] = field(factory=Counter)
    tasks: Counter[str] = field(factory=Counter)
    executions: Counter[str] = field(factory=Counter)
    answers: int = 0
    """Assistant messages of turns that have ended."""
    wrong: dict[Digest, str] = field(factory=dict)
    """Conversation -> what is wrong with it, of the first ones."""
    wrong_count: int = 0

    def take(
        self,
        conversation: Digest,
        events: Iterable[ConversationEvent],
        session: Session,
        turns: Mapping[int, Turn],
        answered: frozenset[int],
    ) -> None:
        """Adds one conversation.

        Args:
            conversation: its key.
            events: all of its log.
            session: as it rests beside the log.
            turns: likewise, by number.
            answered: the turns that have an assistant message.
        """
        self.conversations += 1
        try:
            replayed = fold(events)
        except IllegalEvent:
            self.note(conversation, "its log holds an event that cannot be")
            return
        self._count(replayed[1].values())
        self.answers += len(answered)
        ended = {number for number, turn in replayed[1].items() if turn.has_ended}
        if replayed != (session, dict(turns)):
            self.note(conversation, "its states are not what its log says")
        elif answered != ended:
            self.note(conversation, "not every ended turn has one message, or an open one has")

    def note(self, conversation: Digest, why: str) -> None:
        """Something is wrong with a conversation."""
        self.wrong_count += 1
        if len(self.wrong) < WRONG_MAX:
            self.wrong[conversation] = why

    def report(self) -> dict[str, Any]:
        """The figures."""
        return {
            "conversations": self.conversations,
            "turns": dict(self.turns),
            "plans": dict(self.plans),
            "tasks": dict(self.tasks),
            "executions": dict(self.executions),
            "answers": self.answers,
            "wrong": self.wrong_count,
            "wrongConversations": dict(self.wrong),
        }

    def _count(self, turns: Iterable[Turn]) -> None:
        for turn in turns:
            self.turns[turn.stage.value] += 1
            if turn.plan is None:
                continue
            self.plans[turn.plan.stage.value] += 1
            for task in turn.plan.tasks:
                self.tasks[task.stage.value] += 1
                self.executions.update(one.status.value for one in task.executions)
