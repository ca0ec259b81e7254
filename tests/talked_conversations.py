"""A conversation with a plan in a store, and somebody who looks at it in the console."""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen
from conversation_turns import OWNER, critic, worker
from shown_console import Shown, Visitor, admin_tokens, shown
from stored_runs import SHARDS

from mix2api.console.options import ConversationOptions
from mix2api.console.ports import ConsolePorts
from mix2api.console.tokens import AdminToken, Role
from mix2api.conversations.commands import (
    AcceptTurn,
    BeginPlanning,
    ClaimTask,
    CreateSession,
    RecordPlan,
    TakeTurn,
    TurnCommand,
)
from mix2api.conversations.content import (
    SESSION,
    PlanWords,
    SessionWords,
    TurnWords,
    plan_field,
    turn_field,
    words_bytes,
)
from mix2api.conversations.decide import accept, create
from mix2api.conversations.decided import Decided, decided
from mix2api.conversations.events import PlannedTask, RouteTaken
from mix2api.identity import caller_of
from mix2api.settings.choices import Busy
from mix2api.store.conversation_index import user_of
from mix2api.store.conversations import Conversations
from mix2api.store.store import Store
from mix2api.vocabulary import Digest, RequestId

KEYS = {"ann": "sk-of-ann", "bob": "sk-of-bob"}
"""API keys by their user of the console."""
DRAFTED = RouteTaken(route_type="DRAFT", source_type="AUTO_MISS_ROOT", draft_id="draft_" + "0" * 32)
TASKS = (worker(), critic(0), worker(0))
NAMES = ("write", "review", "send")


def user_tokens() -> tuple[AdminToken, ...]:
    """A user of each key."""
    return tuple(
        AdminToken(name, Role.USER, hashlib.sha256(key.encode()).digest()) for name, key in KEYS.items()
    )


@frozen
class Talk:
    """One conversation of one key's user `u1`."""

    conversations: Conversations
    digest: Digest

    @property
    def path(self) -> str:
        """Of its page."""
        return f"/conversation?id={self.digest}"

    async def say(self, message: str) -> int:
        """A message; gives the number of its turn."""
        after = await self.conversations.change(
            self.digest,
            0,
            lambda looked: Decided(
                accept(looked.session, AcceptTurn(at_ms=2)),
                {turn_field(looked.session.turns + 1): words_bytes(TurnWords(message=message))},
            ),
        )
        return after.session.turns

    async def plan(
        self, turn: int, names: Sequence[str] = NAMES, tasks: tuple[PlannedTask, ...] = TASKS
    ) -> None:
        """A drafted plan for a turn."""
        words = PlanWords(graph={"nodes": [{"id": name} for name in names]}, context={})
        content = {plan_field(turn): words_bytes(words)}
        await self.tell(turn, TakeTurn(at_ms=3, owner=OWNER))
        await self.tell(turn, BeginPlanning(at_ms=4, owner=OWNER))
        made = RecordPlan(at_ms=5, owner=OWNER, route=DRAFTED, tasks=tasks)
        await self.tell(turn, made, content)

    async def claim(self, turn: int, task: int) -> None:
        """An attempt at a task begins."""
        command = ClaimTask(
            at_ms=6,
            owner=OWNER,
            task=task,
            lease_until_ms=2**45,
            request_id=RequestId("req_1"),
            model="a-model",
        )
        await self.tell(turn, command)

    async def tell(self, turn: int, command: TurnCommand, content: dict[str, bytes] | None = None) -> None:
        """A command to a turn."""
        await self.conversations.change(
            self.digest, turn, lambda looked: decided(looked.pair(turn), command, content)
        )


async def talk(store: Store, key: str, title: str | None = None, session_id: str = "s1") -> Talk:
    """A conversation without a message."""
    owner = caller_of(store.seal, key.encode())
    user, digest = (
        user_of(store.seal, owner, "u1"),
        store.seal.digest(f"{owner} {session_id}", "conversation"),
    )
    talked = Talk(store.conversations(SHARDS, 0), digest)
    words = words_bytes(SessionWords(session_id=session_id, user_id="u1", title=title))
    await store.conversation_index(0).note(user, digest, 1)
    command = CreateSession(at_ms=1, owner=owner, user=user)
    await talked.conversations.change(
        digest, 0, lambda looked: Decided(create(looked.session, command), {SESSION: words})
    )
    return talked


@asynccontextmanager
async def looking(
    store: Store, name: str = "ann", ports: ConsolePorts | None = None, **changed: Any
) -> AsyncIterator[tuple[Shown, Visitor]]:
    """The console with conversations, and a user who is signed in."""
    known: dict[str, Any] = {"busy": Busy.ENQUEUE, "agents": ("assistant",)}
    options = ConversationOptions(shards=SHARDS, life_ms=0, **(known | changed))
    tokens = admin_tokens() + user_tokens()
    async with shown(store, ports=ports, tokens=tokens, conversations=options) as seen:
        yield seen, await signed_in(seen, name)


async def csrf_of(visitor: Visitor) -> str:
    """What a user's forms hold."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', await visitor.page("/conversations"))
    assert found is not None
    return found[1]


async def signed_in(seen: Shown, name: str) -> Visitor:
    """One more user."""
    visitor = seen.another()
    answer = await visitor.post("/sign-in", {"token": KEYS[name], "target": "/"})
    assert answer.status_code == 303
    return visitor
