"""What the handlers of the conversations API share: the store, and each look-up within the caller's own."""

from collections.abc import Awaitable, Callable, Iterable

import msgspec
from attrs import frozen

from mix2api.clock import Clock
from mix2api.conversations.commands import StopTurn
from mix2api.conversations.ids import TurnRef, read_ref
from mix2api.conversations.states import Reason
from mix2api.edge.conversations.routing import Asked, unknown
from mix2api.sealing import Seal
from mix2api.settings.choices import Busy
from mix2api.store.conversation_index import ConversationIndex, user_of
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked
from mix2api.store.stopping import stop_turn, stop_turns
from mix2api.vocabulary import Digest

Stir = Callable[[Digest], Awaitable[None]]
"""Tells whoever runs a conversation's turns that something has changed."""


@frozen(kw_only=True)
class Desk:
    """The shared parts."""

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

    async def stop(self, conversation: Digest, why: Reason, turn: int | None = None) -> None:
        """Ends a turn, or all of them, and tells whoever runs them."""
        command = StopTurn(at_ms=self.clock.now_ms(), why=why)
        if turn is None:
            await stop_turns(self.store, conversation, command)
        else:
            await stop_turn(self.store, conversation, turn, command)
        await self.stir(conversation)

    async def session(
        self,
        asked: Asked,
        turns: Iterable[int] = (),
        fields: Iterable[str] = (),
        plans: tuple[int, int] | None = None,
    ) -> tuple[Digest, Looked]:
        """The session in the path, with more of the conversation in the same round trip.

        Raises:
            NotFound: the caller has no such session.
        """
        conversation = self.conversation(asked.caller, asked.path["sessionId"])
        looked = await self.store.look(conversation, turns, fields, plans)
        if not looked.session.version:
            raise unknown("session", "sessionId")
        return conversation, looked

    async def turn(
        self, asked: Asked, kind: str, fields: Callable[[int], Iterable[str]] = lambda _: ()
    ) -> tuple[TurnRef, Looked]:
        """The turn that an id in the path names.

        Args:
            asked: the request.
            kind: of the id: `turn` or `plan`.
            fields: of the content, for the turn's number.

        Raises:
            NotFound: the caller has no such turn, or the turn has no plan.
        """
        ref = read_ref(asked.path[f"{kind}Id"], kind)
        if ref is None:
            raise unknown(kind, f"{kind}Id")
        return ref, await self.owned(asked.caller, ref, kind, fields(ref.number))

    async def owned(self, caller: Digest, ref: TurnRef, kind: str, fields: Iterable[str] = ()) -> Looked:
        """A look at a turn of the caller's.

        Raises:
            NotFound: the caller has none.
        """
        looked = await self.store.look(ref.conversation, [ref.number], fields)
        turn = looked.turns.get(ref.number)
        if turn is None or looked.session.owner != caller or (kind != "turn" and turn.plan is None):
            raise unknown(kind, f"{kind}Id")
        return looked
