"""What a turn says, read from its sealed content: its message, its graph, the inputs of its tasks, its result."""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from attrs import define, field
from msgspec import Struct

from mix2api.conversations.content import (
    AnswerWords,
    TurnWords,
    answer_field,
    output_field,
    read_text,
    turn_field,
)
from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.ids import TurnRef
from mix2api.store.conversations import Conversations
from mix2api.wire.turn import Message

Words = TypeVar("Words", bound=Struct)

HISTORY_TURNS: Final = 10
"""Earlier turns whose messages the model is shown. The model's budget trims them as it trims every history."""


@define(eq=False)
class TurnReader:
    """Reads one turn's content. What never changes is read once."""

    _store: Conversations
    _turn: TurnRef
    names: Sequence[str] = field(default=(), init=False)
    """Ids of the graph's nodes, once the graph was read."""

    async def words(self) -> TurnWords:
        """The caller's message.

        Raises:
            UnreadableConversation: it is damaged.
        """
        name = turn_field(self._turn.number)
        looked = await self._store.look(self._turn.conversation, fields=[name])
        return _decoded(looked.content.get(name), TurnWords)

    async def messages(self, task: int) -> list[Message]:
        """What the model is asked for a task: the conversation so far, then the task's input.

        Raises:
            UnreadableConversation: it is damaged.
        """
        del task
        number = self._turn.number
        earlier = range(max(1, number - HISTORY_TURNS), number)
        fields = [name for turn in earlier for name in (turn_field(turn), answer_field(turn))]
        looked = await self._store.look(self._turn.conversation, fields=[*fields, turn_field(number)])
        messages: list[Message] = []
        for turn in earlier:
            said, answered = (looked.content.get(name) for name in (turn_field(turn), answer_field(turn)))
            if said is not None and answered is not None:
                messages.append(Message(role="user", content=_decoded(said, TurnWords).message))
                messages.append(Message(role="assistant", content=_decoded(answered, AnswerWords).text))
        words = _decoded(looked.content.get(turn_field(number)), TurnWords)
        return [*messages, Message(role="user", content=words.message)]

    async def result(self) -> str:
        """The outputs of the graph's results, joined.

        Raises:
            UnreadableConversation: one is damaged.
        """
        number = self._turn.number
        looked = await self._store.look(self._turn.conversation, [number])
        turn = looked.turns.get(number)
        if turn is None or turn.plan is None:
            raise UnreadableConversation("damaged")
        fields = [output_field(number, int(node)) for node in turn.plan.graph.results]
        looked = await self._store.look(self._turn.conversation, fields=fields)
        if len(looked.content) < len(fields):
            raise UnreadableConversation("damaged")
        return "\n\n".join(read_text(looked.content[name]) for name in fields)


def _decoded(data: bytes | None, kind: type[Words]) -> Words:
    if data is None:
        raise UnreadableConversation("damaged")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError:
        raise UnreadableConversation("damaged") from None
