"""One conversation: its messages and turns, and one plan with its graph, its tasks and the executions of a task.

Everything here is content, and only its owner sees it.
"""

from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from mix2api.clock import Clock
from mix2api.console.asking import address
from mix2api.console.catalogue import Language, text
from mix2api.console.plan_drawing import drawn
from mix2api.conversations.content import (
    SESSION,
    answer_field,
    fault_field,
    plan_field,
    read_text,
    turn_field,
)
from mix2api.conversations.display import task_name, turn_name
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.state import Plan, Task, Turn
from mix2api.conversations.states import TurnStage
from mix2api.conversations.views import execution_views, task_stats, task_views
from mix2api.store.conversation_words import (
    answer_words,
    node_names,
    plan_words,
    session_words,
    turn_words,
)
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Digest

TURNS: Final = 20
"""Of a page."""
PLANS: Final = 20
"""The newest ones, which the picker names. Older ones are reached from their turns."""
CHARS: Final = 10_000
"""Of a message that a page shows, some four screens; how many more there are stands below it."""


@frozen(kw_only=True)
class ConversationAsked:
    """What the address of a conversation's page asks for."""

    conversation: Digest
    before: int | None = None
    """The page begins before this turn. None: with the newest one."""
    plan: int | None = None
    """The turn whose plan is shown. None: the newest turn of the page that has one."""
    task: int | None = None
    """The task whose executions are shown."""

    def link(self, **changed: int | None) -> str:
        """An address with the same parameters but these."""
        said = {"before": self.before, "plan": self.plan, "task": self.task} | changed
        numbers = {name: None if value is None else str(value) for name, value in said.items()}
        return address("/conversation", {"id": self.conversation, **numbers})


@frozen
class Quoted:
    """A text as a page shows it."""

    text: str = field(repr=False)
    more: int
    """Characters that are left out at its end."""


@frozen(kw_only=True)
class TurnRow:
    """One turn."""

    number: int
    turn_id: str
    turn: Turn
    name: str
    """Of its stage, in the reader's language."""
    is_failed: bool
    message: Quoted | None = field(repr=False)
    """None: damaged."""
    answer: Quoted | None = field(repr=False)
    """None: there is none yet, or it is damaged."""
    fault: Quoted | None = field(repr=False)
    """Why the planner failed."""
    draft_id: str | None
    """The draft that its plan is a copy of."""
    plan_link: str | None


@define(eq=False)
class ConversationPage:
    """Makes what its template shows.

    Args:
        conversations: of the deployment.
        clock: tells which tasks are late.
    """

    _conversations: Conversations
    _clock: Clock

    async def values(
        self, owner: Digest, asked: ConversationAsked, language: Language
    ) -> dict[str, Any] | None:
        """The page: three round trips at any length of history. None: the owner has no such conversation or plan.

        Raises:
            UnreadableConversation: it is damaged.
            StoreUnavailable: the store does not answer.
        """
        first = await self._conversations.look(asked.conversation, fields=[SESSION], plans=(-PLANS, -1))
        if not first.session.version or first.session.owner != owner:
            return None
        numbers = _page_of(first.session.turns, asked.before)
        looked = first
        if numbers:
            looked = await self._conversations.look(asked.conversation, numbers, _fields(numbers))
            if not looked.session.version:
                return None  # deleted between the two looks
        words, rows = session_words(first), [_row(asked, looked, number, language) for number in numbers]
        planned = asked.plan or next((row.number for row in reversed(rows) if row.plan_link), None)
        plan = None if planned is None else await self._plan(asked, planned, language)
        if plan is None and asked.plan is not None:
            return None
        return {
            "asked": asked,
            "session": first.session,
            "words": words,
            "title": quoted(words.title or words.session_id),
            "turns": rows,
            "older": asked.link(before=numbers[0], plan=None, task=None)
            if numbers and numbers[0] > 1
            else None,
            "newest": None if asked.before is None else asked.link(before=None, plan=None, task=None),
            "plan": plan,
            "picker": [
                (number, asked.link(plan=number, task=None) + "#plan") for number in reversed(first.plans)
            ],
            "older_plans": first.session.plans - len(first.plans),
        }

    async def _plan(self, asked: ConversationAsked, number: int, language: Language) -> dict[str, Any] | None:
        """What is shown of one plan; None if there is none."""
        looked = await self._conversations.look(asked.conversation, [number], [plan_field(number)])
        turn = looked.turns.get(number)
        plan = None if turn is None else turn.plan
        if plan is None or (asked.task is not None and asked.task >= len(plan.tasks)):
            return None
        ref, now_ms = TurnRef(asked.conversation, number), self._clock.now_ms()
        names = [quoted(name).text for name in node_names(plan_words(looked, number))]

        def link(task: int) -> str:
            return asked.link(plan=number, task=task) + "#plan"

        return {
            "number": number,
            "plan": plan,
            "graph": drawn(
                plan, names, link, text(language, "conversation.graph"), partial(_staged, language, now_ms)
            ),
            "stats": task_stats(plan),
            "tasks": list(
                zip(task_views(ref, plan, names, now_ms), map(link, range(len(plan.tasks))), strict=True)
            ),
            "executions": _executions(ref, plan, asked.task),
        }


def quoted(said: str) -> Quoted:
    """The beginning of a text. A lone surrogate, which no page can hold, is shown as `?`."""
    shown = said[:CHARS].encode("utf-8", "replace").decode()
    return Quoted(shown, max(0, len(said) - CHARS))


def _page_of(turns: int, before: int | None) -> list[int]:
    """The numbers of a page's turns, the oldest first."""
    newest = turns if before is None else min(before - 1, turns)
    return list(range(max(1, newest - TURNS + 1), newest + 1))


def _fields(turns: list[int]) -> list[str]:
    return [name for turn in turns for name in (turn_field(turn), answer_field(turn), fault_field(turn))]


def stage_text(language: Language, name: str) -> str:
    """The name of a stage (`mix2api.conversations.display`), as the reader is told it."""
    return text(language, f"stage.{name.replace(' ', '_')}")


def _staged(language: Language, now_ms: int, task: Task) -> str:
    return stage_text(language, task_name(task, now_ms))


def _row(asked: ConversationAsked, looked: Looked, number: int, language: Language) -> TurnRow:
    turn, words, answer = looked.turns[number], turn_words(looked, number), answer_words(looked, number)
    fault = looked.content.get(fault_field(number))
    return TurnRow(
        number=number,
        turn_id=TurnRef(asked.conversation, number).turn_id,
        turn=turn,
        name=stage_text(language, turn_name(turn, looked.session.active)),
        is_failed=turn.stage is TurnStage.FAILED,
        message=None if words is None else quoted(words.message),
        answer=None if answer is None else quoted(answer.text),
        fault=None if fault is None else quoted(read_text(fault)),
        draft_id=None if turn.plan is None else turn.plan.route.draft_id,
        plan_link=None if turn.plan is None else asked.link(plan=number, task=None) + "#plan",
    )


def _executions(ref: TurnRef, plan: Plan, task: int | None) -> list[dict[str, Any]] | None:
    return None if task is None else execution_views(ref, task, plan.tasks[task])
