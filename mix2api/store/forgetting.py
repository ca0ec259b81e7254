"""Removes the drafts of a conversation that is deleted: their graphs may quote its messages."""

from typing import Final

from mix2api.store.conversations import Conversations
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest

_PAGE: Final = 200
"""Turns whose states are read in one round trip: some 300 kB."""


async def forget_drafts(conversations: Conversations, workflows: Workflows, conversation: Digest) -> None:
    """Removes the drafts of a conversation's plans that nobody has edited or published. The others are their editors' by now.

    Args:
        conversations: where the conversation still stands.
        workflows: where the drafts stand.
        conversation: which one.

    Raises:
        mix2api.conversations.events.UnreadableConversation: it cannot be read.
        mix2api.errors.StoreUnavailable: the store does not answer.
    """
    session = (await conversations.look(conversation)).session
    found: set[str] = set()
    for first in range(1, session.turns + 1, _PAGE):
        numbers = range(first, min(first + _PAGE, session.turns + 1))
        turns = (await conversations.look(conversation, numbers)).turns.values()
        found.update(turn.plan.route.draft_id or "" for turn in turns if turn.plan is not None)
    await workflows.forget_untouched(session.owner, found - {""})
