"""The views that change conversations. The door has checked sign-in, CSRF token and role before (`door_views`).

The form of a message has a word of its own. Word and text are the message's id: a form that is sent twice is one message.
Other text in a form that a browser has kept, and shows again, is another message.
"""

import re
from typing import Final

from attrs import define, field
from quart import Response, request

from mix2api.console.catalogue import text
from mix2api.console.conversation import ConversationAsked
from mix2api.console.conversation_views import ConversationViews, Typed, conversation_named
from mix2api.console.door_views import see_other
from mix2api.console.options import ConversationOptions
from mix2api.console.parts import Console, Turned
from mix2api.conversations.content import (
    MESSAGE_CHARS,
    TITLE_CHARS,
    USER_CHARS,
    SessionWords,
    TurnWords,
)
from mix2api.conversations.ids import TurnRef
from mix2api.errors import Conflict, Overloaded
from mix2api.identity import Mint
from mix2api.store.conversation_actions import OPEN_MAX, ConversationActions

_ONCE: Final = re.compile(r"message_[0-9a-f]{32}")


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
    _mint: Mint = field(init=False)
    _actions: ConversationActions = field(init=False)

    def __attrs_post_init__(self) -> None:
        console, store, life_ms = self._console, self._console.store, self._options.life_ms
        self._mint = Mint(store.seal, console.clock)
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
        form, owner = await request.form, self._views.owner()
        user_id, title = form.get("user", "").strip(), form.get("title", "").strip()
        for name, is_allowed in (
            ("user", 1 <= len(user_id) <= USER_CHARS),
            ("title", len(title) <= TITLE_CHARS),
        ):
            if not is_allowed:
                raise Turned(400, "error.bad_query", field=name)
        words = SessionWords(session_id=self._mint.word("conversation"), user_id=user_id, title=title or None)
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
        message, once = form.get("message", "").replace("\r\n", "\n"), form.get("once", "")
        if _ONCE.fullmatch(once) is None:
            raise Turned(400, "error.bad_query", field="once")
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
