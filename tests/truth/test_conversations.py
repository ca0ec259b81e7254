"""Conversations over real processes: kill -9 in every state of a turn and a task, and many plans whose workers are killed.

`make conversations` runs it. The names and their defaults:

    CONVERSATIONS_PLANS    1000   plans of ten tasks
    CONVERSATIONS_KILL_S     20   seconds between two kills
"""

import os
from collections import Counter
from functools import partial
from itertools import cycle

import pytest
import trio
from attrs import frozen
from bench_modules import bench_module
from conversation_graphs import critic, graph_of, worker
from redis_server import RedisServer
from truth.conversing import Conversing, conversing
from whole_system import until

from mix2api.conversations.commands import AcceptTurn, StopTurn
from mix2api.conversations.content import TurnWords, turn_field, words_bytes
from mix2api.conversations.decide import accept
from mix2api.conversations.decided import Decided
from mix2api.conversations.graph import Edge, Graph
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import Reason, TaskStage, TurnStage
from mix2api.store.looked_conversation import Looked
from mix2api.store.stopping import stop_turn
from mix2api.vocabulary import Digest

PLANS = int(os.environ.get("CONVERSATIONS_PLANS", "1000"))
KILL_S = float(os.environ.get("CONVERSATIONS_KILL_S", "20"))
_AT_ONCE = 20
"""Plans under way: with calls of a fifth of a second they keep two cores busy."""
_TASKS = 10
_CHATS = 200
_PAGE = 10
_TURNS = (10, 1000)
"""Cancelled turns of the two sessions whose pages are compared, each behind one completed turn."""
_BLOCKS, _PAGES = 20, 20
"""Blocks, and pages in each: the two sessions take turns, so that whatever else the machine does meets both."""

pytestmark = pytest.mark.conversations

TREE = Graph(
    tuple(worker(f"n{number}", f"[[slow_head:200]] do {number}") for number in range(_TASKS)),
    tuple(Edge(f"n{number // 2}", f"n{number}") for number in range(2, _TASKS)),
)


@frozen
class Held:
    """A state in which a turn is held, until its worker is killed."""

    state: TurnStage | TaskStage
    graph: Graph | None
    """For its message; None: the model drafts it."""
    message: str
    """Holds the state's word where there is a graph: the pattern of the definition looks for it."""

    def shows(self, looked: Looked) -> bool:
        """Whether the turn is in the state, with a call of a task under way where tasks run."""
        turn = looked.turns[1]
        if isinstance(self.state, TurnStage):
            return turn.stage is self.state
        tasks = () if turn.plan is None else turn.plan.tasks
        return self.state in {task.stage for task in tasks} and any(task.running for task in tasks)


SLOW = "[[slow_head:3000]]"
"""Long enough for a kill, on a busy machine too. The call of the next worker is as slow, and gets its answer."""
# A process makes one call at a time here. A chain of slow tasks takes that one place again and again, so that a task that was
# sent back has to wait for it.
_CROWDED = graph_of(
    *(worker("answer"), critic("review", "answer", "[[verdict:once]] {{context.message}}")),
    *(worker(name, SLOW) for name in ("first", "second", "third")),
    edges=["first second", "second third"],
)
_JUDGED = graph_of(worker("answer"), critic("review", "answer", SLOW))
_SUMMED_UP = Graph((worker("left", "one"), worker("right", "two")), (), summarize=True)
HELD = (
    Held(TurnStage.PLANNING, None, SLOW),
    Held(TaskStage.RUNNING, graph_of(worker("answer", SLOW)), "RUNNING"),
    Held(TaskStage.VALIDATING, _JUDGED, "VALIDATING"),
    Held(TaskStage.REFINING, _CROWDED, "REFINING"),
    Held(TurnStage.SUMMARIZING, _SUMMED_UP, f"SUMMARIZING {SLOW}"),
)


async def test_a_turn_ends_well_whatever_state_its_worker_is_killed_in(
    server: RedisServer, figures: list[str]
) -> None:
    async with conversing(server, 300, MIX2API_CONVERSATIONS_CALLS="1") as system:
        for held in HELD:
            if held.graph is not None:
                await system.publish(f"*{held.state.value}*", held.graph)
            figures.append(f"killed in {held.state}: attempts {dict(await _kill_in(system, held))}")
            await system.wait_workers()
        report = await system.audit()
        assert (report["wrong"], report["turns"]) == (0, {"COMPLETED": len(HELD)})
        assert report["answers"] == len(HELD)


async def _kill_in(system: Conversing, held: Held) -> Counter[str]:
    """Kills the worker of a turn that is in a state, and waits for the turn's end; gives its attempts by status."""
    ref = await system.say(held.message)

    async def is_held() -> bool:
        return held.shows(await system.conversations.look(ref.conversation, [1]))

    await until(is_held)
    owner = (await system.turn(ref)).owner
    assert owner is not None
    system.kill(owner)
    turn = await system.wait_end(ref)
    assert (turn.stage, turn.attempt) == (TurnStage.COMPLETED, 2), held
    assert turn.owner != owner
    return await system.attempts_of([ref])


async def test_every_turn_of_many_plans_ends_once_while_workers_are_killed(
    server: RedisServer, figures: list[str]
) -> None:
    async with conversing(server, 120 + PLANS * 3) as system:
        await system.publish("*", TREE)
        turns: list[TurnRef] = []
        kills: Counter[str] = Counter()
        async with trio.open_nursery() as killing:
            killing.start_soon(_kill_workers, system, kills)
            slots = trio.CapacityLimiter(_AT_ONCE)
            async with trio.open_nursery() as asking:
                for number in range(PLANS):
                    asking.start_soon(_ask, system, slots, f"plan {number}", turns)
            killing.cancel_scope.cancel()
        attempts = await system.attempts_of(turns)
        report = await system.audit()
        figures.append(f"{len(turns)} turns, kills {dict(kills)}, attempts {dict(attempts)}")
        assert (report["wrong"], report["turns"]) == (0, {"COMPLETED": PLANS})
        assert report["answers"] == PLANS
        assert report["tasks"] == {"COMPLETED": PLANS * _TASKS}
        assert report["executions"] == dict(attempts)
        assert attempts["COMPLETED"] == PLANS * _TASKS
        assert attempts["LOST"]


async def _ask(system: Conversing, slots: trio.CapacityLimiter, message: str, turns: list[TurnRef]) -> None:
    async with slots:
        ref = await system.say(message)
        await system.wait_end(ref)
        turns.append(ref)


async def _kill_workers(system: Conversing, kills: Counter[str]) -> None:
    """Kills the two workers by turns, until cancelled."""
    for name in cycle(("first", "second")):
        await trio.sleep(KILL_S)
        await system.wait_workers()
        system.deployment.seats[name].life.process.process.kill()
        kills[name] += 1


async def test_what_a_message_and_a_page_cost_is_told(server: RedisServer, figures: list[str]) -> None:
    async with conversing(server, 300) as system:
        await system.publish("*", graph_of(worker("answer")))
        edge = system.deployment.seats["edge"].life.process.process.pid
        sessions = [await system.caller.session() for _ in range(_CHATS)]
        before = _cpu_ns(edge)
        for session in sessions:
            body = {"message": "hello", "async": True}
            answer = await system.caller.call("POST", f"/api/sessions/{session}/chat", body)
            assert answer.json()["code"] == "0000"
        each_ms = (_cpu_ns(edge) - before) / _CHATS / 1e6
        figures.append(f"a message is accepted in {each_ms:.2f} ms of the edge's CPU")
        pages = [await _session_of(system, turns) for turns in _TURNS]
        spent: Counter[str] = Counter()
        for _ in range(_BLOCKS):
            for page in pages:
                before = _cpu_ns(edge)
                for _ in range(_PAGES):
                    answer = await system.caller.call("GET", page)
                    assert len(answer.json()["data"]["turns"]) == _PAGE
                spent[page] += _cpu_ns(edge) - before
        for page, turns in zip(pages, _TURNS, strict=True):
            each_ms = spent[page] / _BLOCKS / _PAGES / 1e6
            figures.append(
                f"a page of {_PAGE} turns of a session of {turns + 1}: {each_ms:.2f} ms of the edge's CPU"
            )


def _cpu_ns(pid: int) -> int:
    return int(bench_module("measure").cpu_ns([pid])[pid])


async def _session_of(system: Conversing, turns: int) -> str:
    """The path of the newest page of a session with so many cancelled turns."""
    session = await system.caller.session()
    told = await system.caller.chat(session, "hello")
    conversation = Digest(told["turnId"].split("_")[1])
    for number in range(2, turns + 2):
        await system.conversations.change(conversation, 0, partial(_accepted, number))
        await stop_turn(
            system.conversations, conversation, number, StopTurn(at_ms=number, why=Reason.CANCELLED)
        )
    return f"/api/sessions/{session}/turns?limit={_PAGE}"


def _accepted(number: int, looked: Looked) -> Decided:
    words = words_bytes(TurnWords(message="hello"))
    return Decided(accept(looked.session, AcceptTurn(at_ms=number)), {turn_field(number): words})
