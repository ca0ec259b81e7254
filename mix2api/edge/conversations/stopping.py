"""Ends turns by a caller's wish."""

from typing import Final

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.decided import Decided, decided
from mix2api.conversations.states import Reason
from mix2api.edge.conversations.desk import Desk
from mix2api.store.conversations import Looked
from mix2api.vocabulary import Digest

_ROUNDS: Final = 8
"""For one session: a message that is accepted while its turns are being stopped is stopped in the next round."""


async def stop_turn(desk: Desk, conversation: Digest, turn: int, why: Reason) -> Looked:
    """Ends one turn; without effect on a turn that has ended. Gives the state after it."""
    command = StopTurn(at_ms=desk.clock.now_ms(), why=why)

    def decide_now(looked: Looked) -> Decided:
        return decided(looked.pair(turn), command)

    after = await desk.store.change(conversation, turn, decide_now)
    await desk.stir(conversation)
    return after


async def stop_turns(desk: Desk, conversation: Digest, why: Reason) -> None:
    """Ends all turns of a session, the last one first, so that none begins meanwhile."""
    for _ in range(_ROUNDS):
        looked = await desk.store.look(conversation)
        if not looked.session.open:
            return
        for turn in reversed(looked.session.open):
            await stop_turn(desk, conversation, turn, why)
