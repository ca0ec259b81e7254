"""Conversations in a store, made step by step, for the tests of whatever reads them."""

from attrs import define
from conversation_turns import OWNER, ROUTE, worker

from mix2api.conversations.commands import (
    AcceptTurn,
    BeginPlanning,
    CreateSession,
    RecordPlan,
    TakeTurn,
    TurnCommand,
)
from mix2api.conversations.content import (
    SESSION,
    SessionWords,
    TurnWords,
    turn_field,
    words_bytes,
)
from mix2api.conversations.decide import accept, create
from mix2api.conversations.decided import Decided, decided
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.store import Store
from mix2api.vocabulary import Digest

CONVERSATION = Digest("c0ffee00" * 4)
OWNED_BY = Digest("0badcafe" * 4)
"""The credential whose conversation it is."""
SHARDS = 8
DAY_MS = 86_400_000


@define
class CountedLink:
    """A link that counts its round trips."""

    link: RedisLink
    trips: int = 0

    async def execute(self, *commands: Command) -> list[Reply]:
        self.trips += 1
        return await self.link.execute(*commands)


def opened(store: Store, life_ms: int = 0) -> Conversations:
    return store.conversations(SHARDS, life_ms)


async def begin(conversations: Conversations, conversation: Digest = CONVERSATION) -> None:
    """A session."""
    command = CreateSession(at_ms=1, owner=OWNED_BY, user=Digest("u"))
    words = words_bytes(SessionWords(session_id="planted", user_id="planted"))
    await conversations.change(
        conversation, 0, lambda looked: Decided(create(looked.session, command), {SESSION: words})
    )


async def say(conversations: Conversations, message: str | None = None) -> int:
    """A message; gives the number of its turn."""
    command = AcceptTurn(at_ms=2, client_message=None if message is None else Digest(message))
    after = await conversations.change(
        CONVERSATION,
        0,
        lambda looked: Decided(
            accept(looked.session, command),
            {turn_field(looked.session.turns + 1): words_bytes(TurnWords(message="planted"))},
        ),
    )
    return after.session.turns


async def tell(conversations: Conversations, turn: int, *commands: TurnCommand) -> Looked:
    """Commands to a turn; gives what stands after the last one."""
    after = Looked()
    for command in commands:
        after = await conversations.change(
            CONVERSATION, turn, lambda looked, command=command: decided(looked.pair(turn), command)
        )
    return after


async def plan(conversations: Conversations, turn: int) -> Looked:
    """A plan of one task for a turn."""
    return await tell(
        conversations,
        turn,
        TakeTurn(at_ms=3, owner=OWNER),
        BeginPlanning(at_ms=4, owner=OWNER),
        RecordPlan(at_ms=5, owner=OWNER, route=ROUTE, tasks=(worker(),)),
    )


def keys_of(store: Store) -> dict[str, str]:
    names = store.keys.conversation(opened(store).shard(CONVERSATION), CONVERSATION)
    return dict(zip(("log", "states", "content", "plans"), names, strict=True))
