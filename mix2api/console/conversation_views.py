"""The views of conversations, for the role `user` alone: the door lets nobody else pass (`door_views`)."""

import re
from contextlib import suppress
from typing import Final

from attrs import define, field, frozen
from quart import Response, request

from mix2api.console.asking import BadQuery
from mix2api.console.conversation import ConversationAsked, ConversationPage
from mix2api.console.conversations import ConversationList, list_asked
from mix2api.console.live import Parts, Watched
from mix2api.console.options import ConversationOptions
from mix2api.console.parts import Console, Turned
from mix2api.conversations.content import MESSAGE_CHARS, TITLE_CHARS
from mix2api.conversations.events import UnreadableConversation
from mix2api.errors import StoreUnavailable
from mix2api.randomness import Randomness
from mix2api.vocabulary import Digest

LIVE: Final = "/conversation/live"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@frozen
class Typed:
    """A message that was not taken, and why."""

    message: str = field(repr=False)
    wrong: str


NOTHING_TYPED: Final = Typed("", "")


@define(eq=False)
class ConversationViews:
    """The views.

    Args:
        console: whose they are.
        options: of the conversations.
    """

    _console: Console
    _options: ConversationOptions
    _list: ConversationList = field(init=False)
    _page: ConversationPage = field(init=False)
    _randomness: Randomness = field(factory=Randomness, init=False)

    def __attrs_post_init__(self) -> None:
        store, shards, life_ms = self._console.store, self._options.shards, self._options.life_ms
        conversations, index = store.conversations(shards, life_ms), store.conversation_index(life_ms)
        self._list = ConversationList(conversations, index, store.seal)
        self._page = ConversationPage(conversations, self._console.clock)

    async def listing(self) -> Response:
        """The conversations of one user.

        Raises:
            Turned: a value in the address is not allowed.
        """
        try:
            asked = list_asked(request.args.get("user", "").strip(), request.args.get("before"))
        except BadQuery as fault:
            raise Turned(400, "error.bad_query", field=str(fault)) from None
        values = await self._list.values(self.owner(), asked)
        return self._console.page(
            "conversations",
            stateless=True,
            title_most=TITLE_CHARS,
            once=self._once(),
            is_deleted=request.args.get("said") == "deleted",
            **values,
        )

    async def conversation(self) -> Response:
        """One conversation.

        Raises:
            Turned: a value in the address is not allowed, or the reader has no such conversation.
        """
        return await self.shown(_asked())

    async def live(self) -> Response:
        """The parts of a conversation's page that have changed, as they change (server-sent events).

        Raises:
            Turned: a value in the address is not allowed, the reader has no such conversation, or there are too many watchers.
        """
        console, reader, owner, asked = self._console, self._console.reader(), self.owner(), _asked()
        page, signed_in = self._page, reader.signed_in
        if signed_in is None or await page.values(owner, asked, reader.language) is None:
            raise Turned(404, "conversation.unknown")

        async def parts() -> Parts:
            with suppress(StoreUnavailable, UnreadableConversation):
                values = await page.values(owner, asked, reader.language)
                if values is not None:
                    return console.renderer.parts("conversation", reader, None, values)
            return {}  # the page stays as it was

        # Owner and address are the key of a shared rendering: no other owner is ever sent it.
        watched = Watched(LIVE, ((owner, asked.link()),), reader.language, signed_in.role)
        return console.stream(signed_in, watched, parts)

    async def shown(
        self, asked: ConversationAsked, status: int = 200, typed: Typed = NOTHING_TYPED
    ) -> Response:
        """The page of a conversation.

        Args:
            asked: what it shows.
            status: of the answer.
            typed: what stands in its form.

        Raises:
            Turned: the reader has no such conversation.
        """
        values = await self._page.values(self.owner(), asked, self._console.reader().language)
        if values is None:
            raise Turned(404, "conversation.unknown")
        return self._console.page(
            "conversation",
            status=status,
            stateless=True,
            live=asked.link().replace("/conversation?", f"{LIVE}?", 1),
            typed=typed,
            once=self._once(),
            message_most=MESSAGE_CHARS,
            **values,
        )

    def _once(self) -> str:
        """A word of its own for a form: sent twice, it is known by it."""
        return self._randomness.take(16).hex()

    def owner(self) -> Digest:
        """Whose conversations the reader sees.

        Raises:
            Turned: the reader is no user.
        """
        signed_in = self._console.reader().signed_in
        if signed_in is None or signed_in.owner is None:
            raise Turned(403, "error.users_only")
        return signed_in.owner


def _asked() -> ConversationAsked:
    """What the address of the request under way asks for.

    Raises:
        Turned: a value in it is not allowed.
    """
    return ConversationAsked(
        conversation=conversation_named(request.args.get("id", "")),
        before=_number("before", least=1),
        plan=_number("plan", least=1),
        task=_number("task", least=0),
    )


def conversation_named(said: str) -> Digest:
    """The key that stands in an address or a form.

    Raises:
        Turned: it is none.
    """
    if _ID.fullmatch(said) is None:
        raise Turned(404, "conversation.unknown")
    return Digest(said)


def _number(name: str, least: int) -> int | None:
    said = request.args.get(name)
    if said is None:
        return None
    if _NUMBER.fullmatch(said) is None or int(said) < least:
        raise Turned(400, "error.bad_query", field=name)
    return int(said)
