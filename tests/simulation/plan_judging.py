"""The oracle of a simulated run with plans: what must hold of turns, tasks and messages once all faults are over.

It counts the events of the logs by itself, and compares the states with what each user was told. The product's own audit of
conversations has to find nothing, too.
"""

import io
from collections import Counter
from typing import Final

import msgspec
import trio
from attrs import define, field, frozen
from simulation.judging import Judge, Run, Violation
from simulation.plan_users import PlanUser, Said
from simulation.processes import Life
from simulation.redis_model import RedisModel

from mix2api.cli.conversations import ConversationsCommand
from mix2api.conversations.content import answer_field, turn_field
from mix2api.conversations.events import (
    ConversationEvent,
    ExecutionEnded,
    TaskClaimed,
    TurnCreated,
    TurnMoved,
    TurnTaken,
)
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.state import Execution
from mix2api.conversations.states import TURN_ENDS, TURNS, ExecutionStatus, Reason, TurnStage
from mix2api.errors import StoreUnavailable
from mix2api.events.audit_entry import read_end_summary, read_request_summary
from mix2api.identity import caller_of
from mix2api.machine import Machine
from mix2api.randomness import Randomness
from mix2api.settings import Settings
from mix2api.store.conversation_words import answer_words, turn_words
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked
from mix2api.store.store import Store
from mix2api.vocabulary import SUCCESSES, Digest, EndReason, RunId, Shard

_REST_S: Final = 600.0
"""In which every turn ends: three of a session may wait for each other, and each may stall or time out at each step."""
_ENDINGS: Final = {trigger for (_, trigger), stage in TURNS.items() if stage in TURN_ENDS}
_KEPT: Final = frozenset({*SUCCESSES, EndReason.WORKER_LOST})
"""Ends of the run of an attempt that completed: a process may die between the answer and its run's last entry."""

_OURS: Final = frozenset({Reason.ADAPTER_FAULT, Reason.STALLED})
"""What makes no turn fail here: a fault of ours, or that nobody runs it."""


@frozen
class _Record:
    """A conversation as it rests."""

    looked: Looked
    events: list[ConversationEvent]


@define(eq=False, kw_only=True)
class PlanJudge:
    """Judges one run.

    Args:
        run: what there is to judge of requests.
        settings: of the deployment.
        users: who has talked.
        model: the store's data.
    """

    run: Run
    settings: Settings
    users: list[PlanUser]
    model: RedisModel
    _records: dict[Digest, _Record] = field(factory=dict, init=False)
    _runs: dict[RunId, tuple[str, EndReason]] = field(factory=dict, init=False)
    """The request and the end of each audited run."""

    async def judge(self, auditor: Life) -> None:
        """Judges, through a store of the auditor's own.

        Raises:
            Violation: the first that is found.
        """
        for user in self.users:
            _demand(not user.wrong, "; ".join(user.wrong))
        machine = Machine(clock=auditor.clock, randomness=Randomness(auditor.random.randbytes))
        async with auditor.open_store(machine) as store:
            await self._settle(store)
            await self._read_runs(store)
            for conversation, record in self._records.items():
                _check_log(conversation, record)
                self._check_executions(conversation, record)
            for user in self.users:
                self._check_user(store, user)
            out = io.StringIO()
            found = await ConversationsCommand.over(store, self.settings, out, auditor.clock).audit()
            _demand(found == 0, out.getvalue())

    async def _settle(self, store: Store) -> None:
        """Waits until every turn and every run has ended, and reads all conversations."""
        due = trio.current_time() + _REST_S
        while True:
            await trio.sleep(1)
            try:
                self._records = await self._read(store)
            except StoreUnavailable:
                _demand(trio.current_time() < due, "the store stays away")
                continue
            left = [
                TurnRef(conversation, number).turn_id
                for conversation, record in self._records.items()
                for number in record.looked.session.open
            ]
            if not left:
                break
            _demand(trio.current_time() < due, f"open: {left}")
        await Judge(self.run).settle(store)

    async def _read(self, store: Store) -> dict[Digest, _Record]:
        index, shards = store.conversation_index(0), self.settings.storing.shards
        conversations = store.conversations(shards, 0)
        return {
            conversation: await _record(conversations, conversation)
            for shard in range(shards)
            for conversation in await index.of_shard(Shard(shard))
        }

    async def _read_runs(self, store: Store) -> None:
        for entry in await Judge(self.run).check_log(store):
            asked, ended = read_request_summary(entry.request), read_end_summary(entry.end)
            assert asked is not None
            assert ended is not None
            self._runs[entry.run_id] = asked.request_id, EndReason(ended.end_reason)

    def _check_executions(self, conversation: Digest, record: _Record) -> None:
        """Each attempt has a request of its own, and an attempt that completed has a run that answered it."""
        made = [
            execution
            for turn in record.looked.turns.values()
            for task in (() if turn.plan is None else turn.plan.tasks)
            for execution in task.executions
        ]
        requests = Counter(execution.request_id for execution in made)
        _demand(set(requests.values()) <= {1}, f"{conversation} asks twice with one id: {requests}")
        runs = Counter(execution.run_id for execution in made if execution.run_id is not None)
        _demand(set(runs.values()) <= {1}, f"{conversation} counts a run twice: {runs}")
        for execution in made:
            _demand(
                execution.status is not ExecutionStatus.RUNNING, f"{conversation} has {execution} under way"
            )
            _demand(self._is_backed(execution), f"{conversation}: no run has given {execution}")

    def _is_backed(self, execution: Execution) -> bool:
        if execution.status is not ExecutionStatus.COMPLETED:
            return True
        assert execution.run_id is not None
        request_id, end = self._runs.get(execution.run_id, ("", EndReason.UNKNOWN))
        return request_id == execution.request_id and end in _KEPT

    def _check_user(self, store: Store, user: PlanUser) -> None:
        """What a user was told stands. Each message has one turn, and each turn one answer."""
        caller = caller_of(store.seal, user.token.encode())
        key = store.seal.digest(msgspec.json.encode([caller, user.session]), "conversation")
        record = self._records.get(key)
        if record is None:
            left = [name for name in self.model.names() if key.encode() in name]
            _demand(not left, f"{user.name}'s session is gone and has left {left}")
            _demand(user.is_deleted or self._is_emptied(), f"{user.name}'s session is gone")
            return
        looked = record.looked
        texts = Counter(
            words.message for number in looked.turns if (words := turn_words(looked, number)) is not None
        )
        _demand(sum(texts.values()) == len(looked.turns), f"{key} has turns without a message")
        _demand(set(texts.values()) <= {1}, f"{user.name} said something twice: {texts}")
        if not user.is_deleted:
            for said in user.said:
                self._check_said(key, looked, said)

    def _check_said(self, key: Digest, looked: Looked, said: Said) -> None:
        sights = said.sights
        ids = {sight.turn_id for sight in sights}
        _demand(len(ids) <= 1, f"{said.text} has the turns {ids}")
        if not sights or (self.run.emptied_at is not None and sights[0].at <= self.run.emptied_at):
            return  # the same session, begun once more, counts its turns from 1 again
        number = next(
            (turn for turn in looked.turns if TurnRef(key, turn).turn_id == sights[0].turn_id), None
        )
        _demand(number is not None, f"{sights[0]} is gone")
        assert number is not None
        words, answer = turn_words(looked, number), answer_words(looked, number)
        stage, why = looked.turns[number].stage, looked.turns[number].why
        _demand(why not in _OURS, f"{said.text} has failed, because {why}")
        _demand(words is not None and words.message == said.text, f"{sights[0]} is of another message")
        for sight in sights:
            if sight.has_ended:
                stands = answer is not None and (stage.value, answer.text) == (sight.status, sight.message)
                _demand(stands, f"{sight} was told, and {stage} stands with {answer and answer.text!r}")
        if stage is TurnStage.COMPLETED and said.expected is not None:
            text = None if answer is None else answer.text
            _demand(text == said.expected, f"{said.text} was answered with {text!r}")

    def _is_emptied(self) -> bool:
        return self.run.emptied_at is not None


async def _record(conversations: Conversations, conversation: Digest) -> _Record:
    session = (await conversations.look(conversation)).session
    numbers = range(1, session.turns + 1)
    fields = [name for number in numbers for name in (turn_field(number), answer_field(number))]
    looked = await conversations.look(conversation, numbers, fields)
    return _Record(looked, [event for _, event in await conversations.all_events(conversation)])


def _check_log(conversation: Digest, record: _Record) -> None:
    """Each turn has one end and one message. Only the process that works at a turn claims its tasks."""
    turns, ends, claims, claim_ends = Counter[int](), Counter[int](), Counter[object](), Counter[object]()
    owners: dict[int, str] = {}
    for event in record.events:
        match event:
            case TurnCreated():
                turns[event.turn] += 1
            case TurnTaken():
                owners[event.turn] = event.owner
            case TaskClaimed():
                claims[event.turn, event.task, event.attempt] += 1
                owner = owners.get(event.turn)
                _demand(owner == event.owner, f"{conversation}: {event.owner} claims, {owner} works")
            case ExecutionEnded():
                claim_ends[event.turn, event.task, event.attempt] += 1
            case TurnMoved(trigger=trigger) if trigger in _ENDINGS:
                ends[event.turn] += 1
            case _:
                pass
    _demand(set(turns.values()) <= {1} and turns == ends, f"{conversation}: {turns} have {ends} ends")
    _demand(
        set(claims.values()) <= {1} and claims == claim_ends,
        f"{conversation}: attempts {claims} have {claim_ends} ends",
    )
    answered = {number for number in turns if answer_field(number) in record.looked.content}
    _demand(answered == set(turns), f"{conversation}: only {answered} of {set(turns)} have a message")


def _demand(holds: bool, why: str) -> None:  # noqa: FBT001 - as `assert` takes it
    if not holds:
        raise Violation(why)
