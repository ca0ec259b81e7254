"""`POST /api/sessions/{sessionId}/chat`: a message becomes a turn."""

from collections.abc import Callable
from typing import Final

import trio
from attrs import frozen

from mix2api.conversations.content import (
    MESSAGE_CHARS,
    MESSAGE_ID_CHARS,
    TurnWords,
    answer_field,
)
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.planner import RESERVED
from mix2api.conversations.state import Turn
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked, Route, unknown
from mix2api.errors import InvalidRequest
from mix2api.store.conversation_words import answer_words
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import wrong

CONTEXT_BYTES: Final = 262_144
"""Of `extraContext` as JSON: templates may put any part of it into the input of any node."""
_LOOK_S: Final = 0.25
"""Between two looks while a turn runs in another process, which does not tell of its steps."""
_FIELDS: Final = ("message", "extraContext", "clientMessageId", "async", "wait")


@frozen
class ChatRoutes:
    """The handler."""

    _desk: Desk

    def routes(self) -> tuple[Route, ...]:
        """The routes."""
        return (Route("POST", "/api/sessions/{sessionId}/chat", self.chat),)

    async def chat(self, asked: Asked) -> Answer:
        """Accepts a message. Answers once the plan stands; with `async` at once, with `wait` once the turn has ended.

        Raises:
            NotFound: the caller has no such session.
            InvalidRequest: a field is missing or wrong.
            Conflict: a turn of the session runs, and busy sessions take no message.
            Overloaded: too many turns of the session wait.
        """
        body = asked.body
        body.check_names(_FIELDS)
        words = TurnWords(
            message=body.needed_text("message", MESSAGE_CHARS),
            extra_context=body.object("extraContext", CONTEXT_BYTES),
        )
        _check_context(words)
        client_id = body.text("clientMessageId", MESSAGE_ID_CHARS)
        at_once, to_the_end = asked.is_set("async"), asked.is_set("wait")
        if at_once and to_the_end:
            raise InvalidRequest("`async` and `wait` do not go together.", param="wait", code="invalid_value")
        conversation = self._desk.conversation(asked.caller, asked.path["sessionId"])
        number = await self._desk.take_message(asked.caller, conversation, words, client_id)
        if number is None:
            raise unknown("session", "sessionId")
        await self._desk.stir(conversation)
        if at_once:
            return await self._shown(conversation, number, lambda _: True)
        if to_the_end:
            return await self._shown(conversation, number, lambda turn: turn.has_ended)
        return await self._shown(conversation, number, lambda turn: turn.has_ended or turn.plan is not None)

    async def _shown(self, conversation: Digest, number: int, is_due: Callable[[Turn], bool]) -> Answer:
        """The turn, once it is due."""
        store, ref = self._desk.store, TurnRef(conversation, number)
        while True:
            bell = store.bell(conversation)
            looked = await store.look(conversation, [number], [answer_field(number)])
            turn = looked.turns.get(number)
            if turn is None:
                raise unknown("session", "sessionId")  # deleted meanwhile
            if is_due(turn):
                break
            with trio.move_on_after(_LOOK_S):
                await bell.wait()
        answer = answer_words(looked, number)
        return Answer(
            {
                "turnId": ref.turn_id,
                "planId": None if turn.plan is None else ref.plan_id,
                "turnStatus": turn.stage.value,
                "assistantMessage": None if answer is None else answer.text,
            }
        )


def _check_context(words: TurnWords) -> None:
    taken = sorted(RESERVED.intersection(words.extra_context or ()))
    if taken:
        raise wrong("extraContext", f"an object without {', '.join(taken)}: the plan's context has its own")
