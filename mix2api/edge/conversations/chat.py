"""`POST /api/sessions/{sessionId}/chat`: a message becomes a turn."""

from collections.abc import Callable
from typing import Final

import trio
from attrs import frozen

from mix2api.conversations.commands import AcceptTurn
from mix2api.conversations.content import (
    MESSAGE_CHARS,
    MESSAGE_ID_CHARS,
    TurnWords,
    answer_field,
    turn_field,
    words_bytes,
)
from mix2api.conversations.decide import accept
from mix2api.conversations.decided import Decided
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.planner import RESERVED
from mix2api.conversations.state import Turn
from mix2api.conversations.states import Reason
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked, Route, unknown
from mix2api.errors import Conflict, InvalidRequest, Overloaded
from mix2api.settings.choices import Busy
from mix2api.store.conversation_words import answer_words
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Detail, Digest
from mix2api.wire.object_fields import wrong

CONTEXT_BYTES: Final = 262_144
"""Of `extraContext` as JSON: templates may put any part of it into the input of any node."""
OPEN_MAX: Final = 100
"""Turns of one session without an end. A person does not write so many; a program that does is told to wait."""
_LOOK_S: Final = 0.25
"""Between two looks while a turn runs in another process, which does not tell of its steps."""
_FIELDS: Final = ("message", "extraContext", "clientMessageId", "async", "wait")


class _MovedOn(Exception):
    """The session has changed since the message was looked up."""


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
        message = None if client_id is None else self._desk.seal.digest(client_id, "message")
        conversation, number = await self._turn_for(asked, words, message)
        await self._desk.stir(conversation)
        if at_once:
            return await self._shown(conversation, number, lambda _: True)
        if to_the_end:
            return await self._shown(conversation, number, lambda turn: turn.has_ended)
        return await self._shown(conversation, number, lambda turn: turn.has_ended or turn.plan is not None)

    async def _turn_for(self, asked: Asked, words: TurnWords, message: Digest | None) -> tuple[Digest, int]:
        """The turn of a message: the one that it has already, or a new one."""
        desk = self._desk
        while True:
            conversation, looked = await desk.session(asked)
            if message is not None:
                number = await desk.store.turn_of_message(conversation, message)
                if number is not None:
                    return conversation, number
            if looked.session.open and desk.busy is Busy.REJECT:
                raise Conflict("A turn of the session runs.", param="sessionId", code="session_busy")
            if len(looked.session.open) >= OPEN_MAX:
                raise Overloaded(
                    f"{OPEN_MAX} turns of the session wait; try again once some have ended.",
                    detail=Detail.QUEUE,
                )
            if looked.session.open and desk.busy is Busy.INTERRUPT:
                await desk.stop(conversation, Reason.INTERRUPTED)
                continue
            try:
                return conversation, await self._accept(conversation, looked, words, message)
            except _MovedOn:
                continue

    async def _accept(
        self, conversation: Digest, seen: Looked, words: TurnWords, message: Digest | None
    ) -> int:
        command = AcceptTurn(at_ms=self._desk.clock.now_ms(), client_message=message)

        def decide_now(looked: Looked) -> Decided:
            if looked.session.version != seen.session.version:
                raise _MovedOn
            number = looked.session.turns + 1
            return Decided(accept(looked.session, command), {turn_field(number): words_bytes(words)})

        after = await self._desk.store.change(conversation, 0, decide_now)
        return after.session.turns

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
