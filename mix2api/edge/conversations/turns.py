"""Turns and messages: read page by page, and cancelled."""

from attrs import frozen

from mix2api.conversations.content import answer_field, fault_field, read_text, turn_field
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import Reason
from mix2api.conversations.views import TurnTexts, View, message_views, turn_view
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked, Route
from mix2api.store.conversation_words import answer_words, turn_words
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Digest

_LAST: int = 999_999_999


@frozen
class TurnRoutes:
    """The handlers."""

    _desk: Desk

    def routes(self) -> tuple[Route, ...]:
        """The routes."""
        return (
            Route("GET", "/api/sessions/{sessionId}/turns", self.turns),
            Route("GET", "/api/sessions/{sessionId}/messages", self.messages),
            Route("GET", "/api/turns/{turnId}", self.turn),
            Route("POST", "/api/turns/{turnId}/cancel", self.cancel),
        )

    async def turns(self, asked: Asked) -> Answer:
        """The turns of a session, the newest first.

        Raises:
            NotFound: the caller has no such session.
            InvalidRequest: a parameter is wrong.
        """
        conversation, looked, numbers = await self._page(asked)
        shown = [
            _shown(TurnRef(conversation, number), looked) for number in numbers if number in looked.turns
        ]
        return Answer({"turns": shown, "turnCount": looked.session.turns, "nextCursor": _cursor(numbers)})

    async def messages(self, asked: Asked) -> Answer:
        """The messages of the newest turns, the oldest of them first. A page is so many turns' messages.

        Raises:
            NotFound: the caller has no such session.
            InvalidRequest: a parameter is wrong.
        """
        conversation, looked, numbers = await self._page(asked)
        shown: list[View] = []
        for number in reversed(numbers):
            turn = looked.turns.get(number)
            if turn is not None:
                ref = TurnRef(conversation, number)
                shown += message_views(ref, turn, turn_words(looked, number), answer_words(looked, number))
        return Answer({"messages": shown, "nextCursor": _cursor(numbers)})

    async def turn(self, asked: Asked) -> Answer:
        """One turn.

        Raises:
            NotFound: the caller has no such turn.
        """
        ref, looked = await self._desk.turn(asked, "turn", lambda turn: _fields([turn]))
        return Answer(_shown(ref, looked))

    async def cancel(self, asked: Asked) -> Answer:
        """Cancels a turn; one that has ended stays as it is.

        Raises:
            NotFound: the caller has no such turn.
        """
        ref, _ = await self._desk.turn(asked, "turn")
        await self._desk.stop(ref.conversation, Reason.CANCELLED, ref.number)
        return await self.turn(asked)

    async def _page(self, asked: Asked) -> tuple[Digest, Looked, list[int]]:
        """The session, and the turns of a page with their numbers, the newest first."""
        limit, before = asked.page_size(), asked.number("cursor", 0, 1, _LAST)
        conversation, looked = await self._desk.session(asked)
        newest = min(before - 1, looked.session.turns) if before else looked.session.turns
        numbers = list(range(newest, max(0, newest - limit), -1))
        if numbers:
            looked = await self._desk.store.look(conversation, numbers, _fields(numbers))
        return conversation, looked, numbers


def _fields(turns: list[int]) -> list[str]:
    return [name for turn in turns for name in (turn_field(turn), answer_field(turn), fault_field(turn))]


def _shown(ref: TurnRef, looked: Looked) -> View:
    turn = looked.turns[ref.number]
    fault = looked.content.get(fault_field(ref.number))
    texts = TurnTexts(
        words=turn_words(looked, ref.number),
        answer=answer_words(looked, ref.number),
        fault=None if fault is None else read_text(fault),
    )
    return turn_view(ref, turn, looked.session, texts)


def _cursor(numbers: list[int]) -> str | None:
    """The parameter of the next page: the last number of this one; None after the first turn."""
    return str(numbers[-1]) if numbers and numbers[-1] > 1 else None
