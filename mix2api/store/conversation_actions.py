"""What a caller may do with conversations, by whichever door it comes in: the API of the edge, or the pages of the console."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec
from attrs import frozen

from mix2api.clock import Clock
from mix2api.conversations.commands import AcceptTurn, CreateSession, StopTurn
from mix2api.conversations.content import SESSION, SessionWords, TurnWords, turn_field, words_bytes
from mix2api.conversations.decide import accept, create
from mix2api.conversations.decided import Decided
from mix2api.conversations.states import Reason
from mix2api.errors import Conflict, Overloaded
from mix2api.sealing import Seal
from mix2api.settings.choices import Busy
from mix2api.store.conversation_index import ConversationIndex, user_of
from mix2api.store.conversations import Conversations
from mix2api.store.forgetting import forget_drafts
from mix2api.store.looked_conversation import Looked
from mix2api.store.stopping import stop_turn, stop_turns
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Detail, Digest

OPEN_MAX: Final = 100
"""Turns of one session without an end. A person does not write so many; a program that does is told to wait."""

Stir = Callable[[Digest], Awaitable[None]]
"""Tells whoever runs a conversation's turns that something has changed."""


class _MovedOn(Exception):
    """The session has changed since the message was looked up."""


@frozen(kw_only=True)
class ConversationActions:
    """The actions. A caller is the fingerprint of its credential."""

    store: Conversations
    index: ConversationIndex
    seal: Seal
    clock: Clock
    busy: Busy
    stir: Stir

    def conversation(self, caller: Digest, session_id: str) -> Digest:
        """The key of a caller's session: another caller's session of the same id has another key."""
        return self.seal.digest(msgspec.json.encode([caller, session_id]), "conversation")

    def user(self, caller: Digest, user_id: str) -> Digest:
        """The key of a caller's user."""
        return user_of(self.seal, caller, user_id)

    async def begin(self, caller: Digest, words: SessionWords) -> tuple[Looked, bool]:
        """The caller's session of that id, and whether it was begun just now.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer; the session may or may not have been begun.
        """
        conversation = self.conversation(caller, words.session_id)
        command = CreateSession(
            at_ms=self.clock.now_ms(), owner=caller, user=self.user(caller, words.user_id)
        )
        created: list[bool] = []

        def decide_now(looked: Looked) -> Decided:
            events = create(looked.session, command)
            created[:] = [bool(events)]
            return Decided(events, {SESSION: words_bytes(words)})

        # Noted first: a list may name a session that there is not, and never lacks one.
        await self.index.note(command.user, conversation, command.at_ms)
        after = await self.store.change(conversation, 0, decide_now)
        return after, created[0]

    async def take_message(
        self, caller: Digest, conversation: Digest, words: TurnWords, message_id: str | None
    ) -> int | None:
        """The turn of a message: the one that it has already, or a new one.

        Args:
            caller: who sends it.
            conversation: the session's key.
            words: the message.
            message_id: the caller's own id, which makes a repeat harmless. None: each message is a new one.

        Returns:
            None if the caller has no such session.

        Raises:
            Conflict: a turn of the session runs, and busy sessions take no message.
            Overloaded: too many turns of the session wait.
        """
        message = None if message_id is None else self.seal.digest(message_id, "message")
        while True:
            looked = await self.store.look(conversation)
            if not looked.session.version or looked.session.owner != caller:
                return None
            number = None if message is None else await self.store.turn_of_message(conversation, message)
            if number is not None:
                return number
            if await self._makes_room(conversation, looked):
                with suppress(_MovedOn):
                    return await self._accept(conversation, looked, words, message)

    async def stop(self, conversation: Digest, why: Reason, turn: int | None = None) -> None:
        """Ends a turn, or all of them, and tells whoever runs them."""
        command = StopTurn(at_ms=self.clock.now_ms(), why=why)
        if turn is None:
            await stop_turns(self.store, conversation, command)
        else:
            await stop_turn(self.store, conversation, turn, command)
        await self.stir(conversation)

    async def delete(self, caller: Digest, conversation: Digest, workflows: Workflows) -> bool:
        """Removes a session with everything in it. Turns that run are cancelled first. Drafts that were edited stay.

        Args:
            caller: who asks.
            conversation: the session's key.
            workflows: where the drafts of its plans stand.

        Returns:
            False if the caller has no such session.

        Raises:
            UnreadableConversation: it cannot be read, so nobody knows whose it is.
            mix2api.errors.StoreUnavailable: the store does not answer; to ask again does what is left.
        """
        session = (await self.store.look(conversation)).session
        if not session.version or session.owner != caller:
            return False
        await self.stop(conversation, Reason.DELETED)
        await self.index.drop(session.user, [conversation])
        await forget_drafts(self.store, workflows, conversation)
        await self.discard(conversation)
        return True

    async def discard(self, conversation: Digest) -> None:
        """Removes what stands under a session's key, readable or not, and tells whoever runs its turns."""
        await self.store.delete(conversation)
        await self.stir(conversation)

    async def _makes_room(self, conversation: Digest, looked: Looked) -> bool:
        """Whether the session takes a message as it stands; False if its turns have just been stopped for that.

        Raises:
            Conflict: a turn of the session runs, and busy sessions take no message.
            Overloaded: too many turns of the session wait.
        """
        if looked.session.open and self.busy is Busy.REJECT:
            raise Conflict("A turn of the session runs.", param="sessionId", code="session_busy")
        if len(looked.session.open) >= OPEN_MAX:
            raise Overloaded(
                f"{OPEN_MAX} turns of the session wait; try again once some have ended.",
                detail=Detail.QUEUE,
            )
        if looked.session.open and self.busy is Busy.INTERRUPT:
            await self.stop(conversation, Reason.INTERRUPTED)
            return False
        return True

    async def _accept(
        self, conversation: Digest, seen: Looked, words: TurnWords, message: Digest | None
    ) -> int:
        command = AcceptTurn(at_ms=self.clock.now_ms(), client_message=message)

        def decide_now(looked: Looked) -> Decided:
            if looked.session.version != seen.session.version:
                raise _MovedOn
            number = looked.session.turns + 1
            return Decided(accept(looked.session, command), {turn_field(number): words_bytes(words)})

        after = await self.store.change(conversation, 0, decide_now)
        return after.session.turns
