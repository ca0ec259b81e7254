"""What a turn says, read from its sealed content: its message, its graph, the inputs of its tasks, its result."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from attrs import define, field, frozen
from msgspec import Struct

from mix2api.conversations.content import (
    AnswerWords,
    PlanWords,
    TurnWords,
    answer_field,
    feedback_field,
    output_field,
    plan_field,
    read_text,
    turn_field,
)
from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_reading import read_graph
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.result import Joined, SumUp, result_of
from mix2api.store.conversations import Conversations
from mix2api.wire.turn import Message

Words = TypeVar("Words", bound=Struct)

HISTORY_TURNS: Final = 10
"""Earlier turns whose messages the model is shown. The model's budget trims them as it trims every history."""


@frozen
class ReadPlan:
    """A plan's content."""

    graph: Graph = field(repr=False)
    context: dict[str, Any] = field(repr=False)


@frozen
class TaskTexts:
    """What other calls have said so far, as far as it concerns one task."""

    outputs: dict[str, str] = field(repr=False)
    """By node id, of all tasks that have an output."""
    feedback: str | None = field(repr=False)
    """Of the task's CRITIC; of a CRITIC, why its last answer was no verdict."""


@define(eq=False)
class TurnReader:
    """Reads one turn's content. The plan is read once."""

    _store: Conversations
    _turn: TurnRef
    _plan: ReadPlan | None = field(default=None, init=False)

    @property
    def names(self) -> Sequence[str]:
        """Ids of the graph's nodes, once the plan was read."""
        return () if self._plan is None else [node.id for node in self._plan.graph.nodes]

    async def words(self) -> TurnWords:
        """The caller's message.

        Raises:
            UnreadableConversation: it is damaged.
        """
        name = turn_field(self._turn.number)
        return _decoded((await self._read([name])).get(name), TurnWords)

    async def plan(self) -> ReadPlan:
        """The plan.

        Raises:
            UnreadableConversation: it is damaged.
        """
        if self._plan is None:
            name = plan_field(self._turn.number)
            words = _decoded((await self._read([name])).get(name), PlanWords)
            graph = read_graph(words.graph, None)
            if not isinstance(graph, Graph):
                raise UnreadableConversation("damaged")
            self._plan = ReadPlan(graph, words.context)
        return self._plan

    async def history(self) -> list[Message]:
        """The messages of the turns before, the oldest first. A turn that was cancelled before it was answered is left out.

        Raises:
            UnreadableConversation: one is damaged.
        """
        number = self._turn.number
        earlier = range(max(1, number - HISTORY_TURNS), number)
        content = await self._read(
            name for turn in earlier for name in (turn_field(turn), answer_field(turn))
        )
        messages: list[Message] = []
        for turn in earlier:
            said, answered = content.get(turn_field(turn)), content.get(answer_field(turn))
            if said is not None and answered is not None:
                messages.append(Message(role="user", content=_decoded(said, TurnWords).message))
                messages.append(Message(role="assistant", content=_decoded(answered, AnswerWords).text))
        return messages

    async def texts(self, task: int) -> TaskTexts:
        """What other calls have said that concerns a task.

        Raises:
            UnreadableConversation: the plan is damaged.
        """
        graph, number = (await self.plan()).graph, self._turn.number
        feedback = feedback_field(number, task)
        fields = {output_field(number, place): node.id for place, node in enumerate(graph.nodes)}
        content = await self._read([feedback, *fields])
        outputs = {fields[name]: read_text(data) for name, data in content.items() if name in fields}
        return TaskTexts(outputs, read_text(content[feedback]) if feedback in content else None)

    async def result(self) -> Joined | SumUp:
        """The assistant message, or what the model is asked for it.

        Raises:
            UnreadableConversation: something of it is damaged.
        """
        plan, words = await self.plan(), await self.words()
        outputs = (await self.texts(0)).outputs
        if any(node not in outputs for node in plan.graph.results):
            raise UnreadableConversation("damaged")
        return result_of(plan.graph, outputs, words.message)

    async def _read(self, fields: Iterable[str]) -> dict[str, bytes]:
        names = list(fields)
        if not names:
            return {}
        return dict((await self._store.look(self._turn.conversation, fields=names)).content)


def _decoded(data: bytes | None, kind: type[Words]) -> Words:
    if data is None:
        raise UnreadableConversation("damaged")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError:
        raise UnreadableConversation("damaged") from None
