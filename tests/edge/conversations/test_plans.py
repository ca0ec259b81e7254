"""The overview of a session: all that a page needs, in few round trips however long the history is."""

from typing import Any

import pytest
from conversation_turns import OWNER, ROUTE, worker
from kept_conversations import SHARDS, CountedLink
from redis_server import RedisServer
from stored_runs import stored

from mix2api.clock import SystemClock
from mix2api.conversations.commands import (
    AcceptTurn,
    BeginPlanning,
    CreateSession,
    RecordPlan,
    StopTurn,
    TakeTurn,
)
from mix2api.conversations.content import SESSION, SessionWords, words_bytes
from mix2api.conversations.decide import accept, create
from mix2api.conversations.decided import Decided, decided
from mix2api.conversations.states import Reason
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.plans import PlanRoutes
from mix2api.edge.conversations.routing import Answer, Asked
from mix2api.settings.choices import Busy
from mix2api.store.conversations import Conversations
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import ObjectFields

CALLER = Digest("o")


async def stir(_: Digest) -> None:
    """Nobody runs turns here."""


@pytest.mark.parametrize("turns", [0, 1, 60])
async def test_an_overview_takes_two_round_trips_at_any_length_of_history(
    redis_server: RedisServer, turns: int
) -> None:
    async with stored(redis_server.url) as store:
        link = CountedLink(store.links[0])
        counted: Any = link
        conversations = Conversations(
            link=counted, keys=store.keys, seal=store.seal, damage=store.damage, shards=SHARDS
        )
        desk = Desk(
            store=conversations,
            index=store.conversation_index(0),
            seal=store.seal,
            clock=SystemClock(),
            busy=Busy.ENQUEUE,
            stir=stir,
        )
        await fill(conversations, desk.conversation(CALLER, "s"), turns)
        asked = Asked(caller=CALLER, request_id="r", path={"sessionId": "s"}, query={}, body=ObjectFields({}))
        link.trips = 0
        answer = await PlanRoutes(desk).overview(asked)
        assert link.trips == (2 if turns else 1)
        assert isinstance(answer, Answer)
        assert (answer.data["planCount"], len(answer.data["plans"])) == (turns, min(turns, 50))
        assert (answer.data["nextCursor"] is None) == (turns <= 50)


async def fill(conversations: Conversations, key: Digest, turns: int) -> None:
    """A session with so many turns, each with a plan that was cancelled."""
    begin = CreateSession(at_ms=1, owner=CALLER, user=Digest("u"))
    words = words_bytes(SessionWords(session_id="s", user_id="u"))
    await conversations.change(
        key, 0, lambda looked: Decided(create(looked.session, begin), {SESSION: words})
    )
    for number in range(1, turns + 1):
        await conversations.change(
            key, 0, lambda looked: Decided(accept(looked.session, AcceptTurn(at_ms=2)))
        )
        for command in (
            TakeTurn(at_ms=3, owner=OWNER),
            BeginPlanning(at_ms=4, owner=OWNER),
            RecordPlan(at_ms=5, owner=OWNER, route=ROUTE, tasks=(worker(),)),
            StopTurn(at_ms=6, why=Reason.CANCELLED),
        ):
            await conversations.change(
                key,
                number,
                lambda looked, number=number, command=command: decided(looked.pair(number), command),
            )
