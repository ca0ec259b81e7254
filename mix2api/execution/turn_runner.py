"""Runs one turn of a conversation: looks what is pending, does it, records it, until the turn has ended or is another's."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, assert_never

import trio
from attrs import define, field

from mix2api.conversations.commands import (
    BeginPlanning,
    ClaimTask,
    RecordAnswer,
    RecordPlan,
    StopTurn,
    TakeTurn,
    TurnCommand,
)
from mix2api.conversations.content import (
    AnswerWords,
    answer_field,
    fault_field,
    plan_field,
    text_bytes,
    words_bytes,
)
from mix2api.conversations.decided import Decided, decided
from mix2api.conversations.evolve import Pair
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.pending import Effect, MakeAnswer, MakePlan, RunTask, pending
from mix2api.conversations.result import Joined, SumUp
from mix2api.conversations.state import Execution, Turn
from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.errors import StoreUnavailable
from mix2api.execution.model_calls import ModelAnswer, Question
from mix2api.execution.parts import ExecutionParts
from mix2api.execution.planning import MadePlan, PlannerFault
from mix2api.execution.stalling import StallWatch
from mix2api.execution.task_attempt import TaskAttempt
from mix2api.execution.turn_words import TurnReader
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Digest, RequestId
from mix2api.wire.turn import Message

_LOOK_S: Final = 1.0
"""Between two looks while nothing is heard: another process may have cancelled the turn."""
_LEASE_SLACK_MS: Final = 30_000
"""Of a claim beyond the longest call: for making the input and for recording the output."""
_TRIES: Final = 2
"""Of a call for the turn itself: what went wrong once is repeated once, as for tasks."""


@define(eq=False)
class TurnRunner:
    """Runs one turn."""

    _parts: ExecutionParts
    _turn: TurnRef
    _doing: set[Effect] = field(factory=set, init=False)
    _reader: TurnReader = field(init=False)
    _watch: StallWatch = field(init=False)

    @_watch.default
    def _own_watch(self) -> StallWatch:
        return StallWatch(self._parts.options.stall_s)

    @_reader.default
    def _own_reader(self) -> TurnReader:
        return TurnReader(self._parts.store, self._turn)

    async def run(self) -> None:
        """Runs it as far as it goes.

        Raises:
            mix2api.errors.StoreUnavailable: in a group. The turn stays as the log says.
            mix2api.conversations.events.UnreadableConversation: likewise.
        """
        store, conversation, number = self._parts.store, self._turn.conversation, self._turn.number
        await self._tell(TakeTurn(at_ms=self._now_ms(), owner=self._parts.process))
        async with trio.open_nursery() as nursery:
            while True:
                bell = store.bell(conversation)
                pair = (await store.look(conversation, [number])).pair(number)
                if not self._is_ours(pair.turn):
                    nursery.cancel_scope.cancel()
                    return
                await self._end_if_stalled(pair.turn)
                for effect in pending(pair):
                    if effect not in self._doing and len(self._doing) < self._parts.options.parallel:
                        self._doing.add(effect)
                        nursery.start_soon(self._do, effect)
                with trio.move_on_after(_LOOK_S):
                    await bell.wait()

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()

    def _is_ours(self, turn: Turn | None) -> bool:
        return turn is not None and not turn.has_ended and turn.owner == self._parts.process

    async def _end_if_stalled(self, turn: Turn | None) -> None:
        if turn is not None and self._watch.has_stalled(self._turn, turn.version):
            await self._stop(Reason.STALLED)

    async def _do(self, effect: Effect) -> None:
        try:
            match effect:
                case MakePlan():
                    await self._make_plan()
                case RunTask(task):
                    await self._run_task(task)
                case MakeAnswer():
                    await self._make_answer()
                case _:
                    assert_never(effect)
        finally:
            self._doing.discard(effect)
            self._parts.store.ring(self._turn.conversation)

    async def _tell(self, command: TurnCommand, content: Mapping[str, bytes] | None = None) -> Pair:
        """Records what follows from a command; gives the state after it."""
        number, names = self._turn.number, self._reader.names

        def decide_now(looked: Looked) -> Decided:
            return decided(looked.pair(number), command, content, names)

        after = await self._parts.store.change(self._turn.conversation, number, decide_now)
        return after.pair(number)

    async def _stop(self, why: Reason, content: Mapping[str, bytes] | None = None) -> None:
        command = StopTurn(at_ms=self._now_ms(), why=why, owner=self._parts.process)
        await self._tell(command, content)

    # --- effects

    async def _make_plan(self) -> None:
        """Makes the plan. A fault of the planner fails the turn, and its reason is kept."""
        parts = self._parts
        pair = await self._tell(BeginPlanning(at_ms=self._now_ms(), owner=parts.process))
        owner = pair.session.owner

        async def ask(messages: Sequence[Message], number: int) -> str:
            answer = await self._ask(owner, f"plan.{number}", messages)
            if answer.status is not ExecutionStatus.COMPLETED and not answer.is_too_long:
                raise PlannerFault(f"the model gave no answer ({answer.error_type})")
            return answer.text

        try:
            plan = await parts.planner.plan(owner, await self._reader.words(), ask)
        except PlannerFault as fault:
            await self._stop(Reason.PLANNER_FAULT, {fault_field(self._turn.number): text_bytes(fault.why)})
            return
        await self._record_plan(owner, plan)

    async def _record_plan(self, owner: Digest, plan: MadePlan) -> None:
        """Records a plan. Where the turn was cancelled or taken over meanwhile, the plan is withdrawn."""
        command = RecordPlan(
            at_ms=self._now_ms(),
            owner=self._parts.process,
            route=plan.route,
            tasks=plan.tasks,
            summarize=plan.graph.summarize,
        )
        after = Pair()
        try:
            after = await self._tell(command, {plan_field(self._turn.number): words_bytes(plan.words)})
        finally:
            if plan.new_draft is not None and not _names_draft(after, plan):
                with trio.CancelScope(shield=True), suppress(StoreUnavailable):
                    await self._withdraw(owner, plan)

    async def _withdraw(self, owner: Digest, plan: MadePlan) -> None:
        """Looks first: a change that was given up while it was made may stand all the same."""
        number = self._turn.number
        looked = await self._parts.store.look(self._turn.conversation, [number])
        if not _names_draft(looked.pair(number), plan):
            await self._parts.planner.withdraw(owner, plan)

    async def _run_task(self, task: int) -> None:
        """Claims a task and makes one attempt at it."""
        async with self._parts.calls.slots:
            claimed = await self._claim(task)
            if claimed is None:
                return  # the turn has moved on
            execution, owner = claimed
            attempt = TaskAttempt(self._parts, self._reader, self._tell, self._turn.number, task, execution)
            await attempt.make(owner)

    async def _claim(self, task: int) -> tuple[Execution, Digest] | None:
        """Begins an attempt; gives it, and for whom the model is asked. None: the task is no more to be claimed."""
        parts, now_ms, request_id = self._parts, self._now_ms(), self._parts.calls.request_id()
        node = (await self._reader.plan()).graph.nodes[task]
        after = await self._tell(
            ClaimTask(
                at_ms=now_ms,
                owner=parts.process,
                task=task,
                lease_until_ms=now_ms + int(parts.options.call_timeout_s * 1000) + _LEASE_SLACK_MS,
                request_id=request_id,
                model=parts.agent(node.agent_key).model or parts.options.model,
            )
        )
        plan = None if after.turn is None else after.turn.plan
        running = None if plan is None else plan.tasks[task].running
        if running is None or running.request_id != request_id:
            return None
        return running, after.session.owner

    async def _make_answer(self) -> None:
        result = await self._reader.result()
        text = result.text if isinstance(result, Joined) else await self._summed_up(result)
        if text is None:
            await self._stop(Reason.NOT_SUMMED_UP)
            return
        words = AnswerWords(text=text, at_ms=self._now_ms())
        content = {answer_field(self._turn.number): words_bytes(words)}
        await self._tell(RecordAnswer(at_ms=words.at_ms, owner=self._parts.process), content)

    async def _summed_up(self, result: SumUp) -> str | None:
        """The model's one message of several results; None where it gives none."""
        owner = (await self._parts.store.look(self._turn.conversation)).session.owner
        messages = [
            Message(role="system", content=result.instructions),
            Message(role="user", content=result.prompt),
        ]
        answer = await self._ask(owner, "summary", messages)
        return answer.text if answer.status is ExecutionStatus.COMPLETED else None

    async def _ask(self, owner: Digest, what: str, messages: Sequence[Message]) -> ModelAnswer:
        """Calls the model for the turn itself, once more where it did not answer.

        Args:
            owner: for whom.
            what: of the turn; the call's request id is `<turn id>.<what>.<try>`.
            messages: to the model.
        """
        parts = self._parts
        for number in range(1, _TRIES + 1):
            async with parts.calls.slots:
                answer = await parts.calls.ask(
                    Question(
                        request_id=RequestId(f"{self._turn.turn_id}.{what}.{number}"),
                        model=parts.options.model,
                        messages=list(messages),
                        owner=owner,
                        timeout_s=parts.options.call_timeout_s,
                    )
                )
            if answer.status is ExecutionStatus.COMPLETED or answer.is_too_long:
                break
        return answer


def _names_draft(pair: Pair, plan: MadePlan) -> bool:
    """Whether a turn names the draft of this plan: its plan is this one, or that of a process that found the draft there."""
    stands = None if pair.turn is None else pair.turn.plan
    return stands is not None and stands.route.draft_id == plan.new_draft
