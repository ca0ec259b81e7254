"""Ends turns of conversations by somebody's wish: a caller's, an operator's, or the guard's."""

from typing import Final

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.decided import Decided, decided
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Digest

_ROUNDS: Final = 8
"""For one session: a message that is accepted while its turns are being stopped is stopped in the next round."""


async def stop_turn(store: Conversations, conversation: Digest, turn: int, command: StopTurn) -> None:
    """Ends one turn, with its message; without effect on a turn that has ended.

    Raises:
        mix2api.errors.StoreUnavailable: the store does not answer.
    """

    def decide_now(looked: Looked) -> Decided:
        return decided(looked.pair(turn), command)

    await store.change(conversation, turn, decide_now)


async def stop_turns(store: Conversations, conversation: Digest, command: StopTurn) -> None:
    """Ends all turns of a session, the last one first, so that none begins meanwhile.

    Raises:
        mix2api.errors.StoreUnavailable: the store does not answer.
    """
    for _ in range(_ROUNDS):
        looked = await store.look(conversation)
        if not looked.session.open:
            return
        for turn in reversed(looked.session.open):
            await stop_turn(store, conversation, turn, command)
