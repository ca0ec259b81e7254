"""Many plans over two processes of which one is lost again and again: no turn, no attempt and no message is counted twice.

`make conversations` runs it with 1,000 plans; `make test` with a few.
"""

import os
from collections import Counter
from functools import partial

from kept_conversations import SHARDS, begin
from redis_server import RedisServer
from scripted_models import Said, deployment, last_message
from whole_system import until

from mix2api.conversations.commands import AcceptTurn
from mix2api.conversations.content import TurnWords, answer_field, turn_field, words_bytes
from mix2api.conversations.decide import accept
from mix2api.conversations.decided import Decided
from mix2api.conversations.events import TaskClaimed, TurnMoved
from mix2api.conversations.graph import Edge, Graph, Node, NodeType
from mix2api.conversations.states import TurnTrigger
from mix2api.projections.conversations import ConversationAudit
from mix2api.sessions.worker_port import Submission
from mix2api.store.conversations import Conversations
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.vocabulary import Digest

PLANS = int(os.environ.get("CONVERSATIONS_PLANS", "6"))
TASKS = 10
KILLS = max(2, PLANS // 50)
ENDINGS = {TurnTrigger.ANSWERED, TurnTrigger.FAILED, TurnTrigger.CANCELLED}
GRAPH = Graph(
    tuple(Node(id=f"n{number}", type=NodeType.WORKER, input=f"do {number}") for number in range(TASKS)),
    tuple(Edge(f"n{number // 2}", f"n{number}") for number in range(2, TASKS)),
)


async def has_made(calls: Counter[str], count: int) -> bool:
    """Whether so many calls were made."""
    return calls["all"] >= count


async def has_ended(conversations: Conversations, key: Digest) -> bool:
    """Whether a conversation's turn has ended."""
    return (await conversations.look(key, [1])).turns[1].has_ended


async def test_every_turn_ends_once_however_often_a_process_is_lost(redis_server: RedisServer) -> None:
    calls: Counter[str] = Counter()

    def answer(submission: Submission) -> Said:
        calls["all"] += 1
        # Of each process some calls hang, so that a kill finds attempts under way; they are made again by the other.
        return None if hanging and calls["all"] % 7 == 0 else last_message(submission)

    hanging = True
    options = StoreOptions(url=redis_server.url, secret=b"a secret of the tests, 32 bytes.", shards=SHARDS)
    async with (
        open_store(options) as store,
        deployment(store, GRAPH, answer, calls=PLANS * TASKS) as (made, nursery),
    ):
        conversations = made.conversations
        keys = [Digest(f"{number:08x}" * 4) for number in range(1, PLANS + 1)]
        for key in keys:
            await begin(conversations, key)
            await conversations.change(
                key,
                0,
                lambda looked: Decided(
                    accept(looked.session, AcceptTurn(at_ms=2)),
                    {turn_field(1): words_bytes(TurnWords(message="m"))},
                ),
            )
        await made.start("p_0", nursery)
        for kill in range(KILLS):
            await made.start(f"p_{kill + 1}", nursery)
            await until(partial(has_made, calls, calls["all"] + TASKS * PLANS // (KILLS * 4)))
            made.kill(f"p_{kill}")
        hanging = False
        last = f"p_{KILLS}"
        made.kill(last)
        await made.start("p_last", nursery)
        audit = ConversationAudit()
        for key in keys:
            await until(partial(has_ended, conversations, key))
            looked = await conversations.look(key, [1], [answer_field(1)])
            events = [event for _, event in await conversations.events(key)]
            claims = [(one.task, one.attempt) for one in events if isinstance(one, TaskClaimed)]
            assert len(set(claims)) == len(claims)
            assert sum(isinstance(one, TurnMoved) and one.trigger in ENDINGS for one in events) == 1
            answered = frozenset({1} if answer_field(1) in looked.content else ())
            audit.take(key, events, looked.session, looked.turns, answered)
        report = audit.report()
        assert report["wrong"] == 0
        assert report["turns"] == {"COMPLETED": PLANS}
        assert report["tasks"] == {"COMPLETED": PLANS * TASKS}
        assert report["executions"]["COMPLETED"] == PLANS * TASKS
        assert report["executions"]["LOST"]
        assert made.faults == []
