"""The views that change conversations. The door has checked sign-in, CSRF token and role before (`door_views`).

The forms of a message and of a new conversation have a word of their own. Word and text are the id of what is made: a form that is
sent twice makes one message, or one conversation. Other text in a form that a browser has kept, and shows again, makes another.
"""

import re
from typing import Final

import msgspec
from attrs import define, field
from quart import Response, request

from mix2api.console.asking import address
from mix2api.console.catalogue import text
from mix2api.console.conversation import ConversationAsked
from mix2api.console.conversation_views import ConversationViews, Typed, conversation_named
from mix2api.console.door_views import see_other
from mix2api.console.options import ConversationOptions
from mix2api.console.parts import Console, Turned
from mix2api.conversations.content import (
    MESSAGE_CHARS,
    SESSION,
    TITLE_CHARS,
    USER_CHARS,
    SessionWords,
    TurnWords,
)
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import Reason
from mix2api.errors import Conflict, Overloaded
from mix2api.store.conversation_actions import OPEN_MAX, ConversationActions
from mix2api.store.conversation_words import session_words

_ONCE: Final = re.compile(r"[0-9a-f]{32}")
_NAME_DIGITS: Final = 12
"""Hex digits of a session's name, as many as in the names that the API gives (`Mint.word`)."""
_TURN: Final = re.compile(r"[1-9][0-9]{0,8}")


@define(eq=False)
class ConversationChanges:
    """The views. Each leaves a line in the log that says which user did what, without content.

    Args:
        console: whose they are.
        options: of the conversations.
        views: show what a change leads to.
    """

    _console: Console
    _options: ConversationOptions
    _views: ConversationViews
    _actions: ConversationActions = field(init=False)

    def __attrs_post_init__(self) -> None:
        console, store, life_ms = self._console, self._console.store, self._options.life_ms
        self._actions = ConversationActions(
            store=store.conversations(self._options.shards, life_ms),
            index=store.conversation_index(life_ms),
            seal=store.seal,
            clock=console.clock,
            busy=self._options.busy,
            stir=console.ports.stir,
        )

    async def begin(self) -> Response:
        """Begins a conversation, and leads to its page.

        Raises:
            Turned: a field is not allowed.
        """
        form, owner, once = await request.form, self._views.owner(), await _once()
        user_id, title = form.get("user", "").strip(), form.get("title", "").strip()
        for name, is_allowed in (
            ("user", 1 <= len(user_id) <= USER_CHARS),
            ("title", len(title) <= TITLE_CHARS),
        ):
            if not is_allowed:
                raise Turned(400, "error.bad_query", field=name)
        made = self._actions.seal.digest(msgspec.json.encode([once, user_id, title]), "begun")
        session_id = f"conversation-{made[:_NAME_DIGITS]}"
        words = SessionWords(session_id=session_id, user_id=user_id, title=title or None)
        await self._actions.begin(owner, words)
        conversation = self._actions.conversation(owner, words.session_id)
        self._console.tell_change("begin", conversation, "done")
        return see_other(ConversationAsked(conversation=conversation).link())

    async def say(self) -> Response:
        """Takes a message, and leads to its turn. A message that is not taken stays on the page, which says why.

        Raises:
            Turned: the form is of no page of ours, or the reader has no such conversation.
        """
        form, language = await request.form, self._console.reader().language
        asked = ConversationAsked(conversation=conversation_named(form.get("id", "")))
        # Browsers send line ends as two characters.
        message, once = form.get("message", "").replace("\r\n", "\n"), await _once()
        if not message.strip() or len(message) > MESSAGE_CHARS:
            wrong = text(language, "conversation.message_form", most=MESSAGE_CHARS)
            return await self._views.shown(asked, 400, Typed(message, wrong))
        words = TurnWords(message=message)
        try:
            number = await self._actions.take_message(
                self._views.owner(), asked.conversation, words, f"{once} {message}"
            )
        except Conflict as fault:
            wrong = text(language, "conversation.busy")
            return await self._views.shown(asked, fault.status, Typed(message, wrong))
        except Overloaded as fault:
            wrong = text(language, "conversation.full", most=OPEN_MAX)
            return await self._views.shown(asked, fault.status, Typed(message, wrong))
        if number is None:
            raise Turned(404, "conversation.unknown")
        await self._actions.stir(asked.conversation)
        self._console.tell_change("say", TurnRef(asked.conversation, number).turn_id, "done")
        return see_other(f"{asked.link()}#turn-{number}")

    async def cancel(self) -> Response:
        """Cancels a turn, and leads to it. One that has ended stays as it is.

        Raises:
            Turned: the form is of no page of ours, or the reader has no such turn.
        """
        form = await request.form
        asked, said = (
            ConversationAsked(conversation=conversation_named(form.get("id", ""))),
            form.get("turn", ""),
        )
        if _TURN.fullmatch(said) is None:
            raise Turned(400, "error.bad_query", field="turn")
        ref = TurnRef(asked.conversation, int(said))
        looked = await self._actions.store.look(ref.conversation, [ref.number])
        turn = looked.turns.get(ref.number)
        if turn is None or looked.session.owner != self._views.owner():
            raise Turned(404, "conversation.unknown")
        await self._actions.stop(ref.conversation, Reason.CANCELLED, ref.number)
        self._console.tell_change("cancel", ref.turn_id, "repeat" if turn.has_ended else "done")
        return see_other(f"{asked.link()}#turn-{ref.number}")

    async def delete(self) -> Response:
        """Deletes a conversation, and leads to the list that it stood in.

        Raises:
            Turned: the form is of no page of ours, does not say that it is meant, or the reader has no such conversation.
            UnreadableConversation: it cannot be read, so nobody knows whose it is.
        """
        form, owner, store = await request.form, self._views.owner(), self._console.store
        conversation = conversation_named(form.get("id", ""))
        if form.get("sure") != "yes":
            raise Turned(400, "error.bad_query", field="sure")
        looked = await self._actions.store.look(conversation, fields=[SESSION])
        workflows = store.workflows(self._options.shards, self._options.life_ms)
        if not await self._actions.delete(owner, conversation, workflows):
            raise Turned(404, "conversation.unknown")
        self._console.tell_change("delete", conversation, "done")
        user_id = session_words(looked).user_id
        return see_other(address("/conversations", {"user": user_id, "said": "deleted"}))


async def _once() -> str:
    """The word of the form that was sent.

    Raises:
        Turned: it has none.
    """
    once: str = (await request.form).get("once", "")
    if _ONCE.fullmatch(once) is None:
        raise Turned(400, "error.bad_query", field="once")
    return once
