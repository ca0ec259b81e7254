"""What the handlers of the conversations API share: what a caller may do, and each look-up within the caller's own."""

from collections.abc import Callable, Iterable

from attrs import frozen

from mix2api.conversations.ids import TurnRef, read_ref
from mix2api.edge.conversations.routing import Asked, unknown
from mix2api.store.conversation_actions import ConversationActions
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Digest


@frozen(kw_only=True)
class Desk(ConversationActions):
    """The shared parts: the actions, and the look-ups that a request's path names."""

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
