"""Audits conversations: folds their logs anew, and compares them with the states and messages that rest beside them."""

from typing import Final

from mix2api.conversations.content import answer_field
from mix2api.conversations.events import ConversationEvent, UnreadableConversation
from mix2api.conversations.state import Session, Turn
from mix2api.projections.conversations import ConversationAudit
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.conversations import Conversations
from mix2api.vocabulary import Digest, Shard

_PAGE: Final = 100
"""Turns that are read in one round trip."""
_TRIES: Final = 16
"""For one conversation: each failed one means that an event was added while it was read."""


async def audit_conversations(
    conversations: Conversations, index: ConversationIndex, shards: int, since_ms: int = 0
) -> ConversationAudit:
    """Audits all conversations that have an open turn or have changed since a moment. Reads no content but whether it stands.

    Raises:
        mix2api.errors.StoreUnavailable: the store does not answer.
    """
    audit = ConversationAudit()
    for shard in range(shards):
        seen = 0
        while page := await index.of_shard(Shard(shard), seen):
            seen += len(page)
            for conversation in page:
                try:
                    await _take(audit, conversations, conversation, since_ms)
                except UnreadableConversation:
                    audit.note(conversation, "its log cannot be read")
    return audit


async def _take(
    audit: ConversationAudit, conversations: Conversations, conversation: Digest, since_ms: int
) -> None:
    session = (await conversations.look(conversation)).session
    if not session.version or (session.updated_ms < since_ms and not session.open):
        return  # it has expired or was deleted, or is none of the window
    for _ in range(_TRIES):
        entries = await conversations.all_events(conversation)
        session, turns, answered = await _rests(conversations, conversation)
        if not session.version:
            return
        last = entries[-1][0] if entries else "-"
        if not await conversations.events(conversation, last, 1):
            events: list[ConversationEvent] = [event for _, event in entries]
            audit.take(conversation, events, session, turns, answered)
            return
    audit.note(conversation, "it changes faster than it can be read")


async def _rests(
    conversations: Conversations, conversation: Digest
) -> tuple[Session, dict[int, Turn], frozenset[int]]:
    """The states beside the log, and the turns that have a message."""
    session = (await conversations.look(conversation)).session
    turns: dict[int, Turn] = {}
    answered: set[int] = set()
    for start in range(1, session.turns + 1, _PAGE):
        numbers = range(start, min(start + _PAGE, session.turns + 1))
        looked = await conversations.look(conversation, numbers, map(answer_field, numbers))
        turns.update(looked.turns)
        answered.update(number for number in numbers if answer_field(number) in looked.content)
    return session, turns, frozenset(answered)
