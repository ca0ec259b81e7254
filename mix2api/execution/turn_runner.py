"""Runs one turn of a conversation: looks what is pending, does it, records it, until the turn has ended or is another's."""

from collections.abc import Mapping
from typing import Final, assert_never

import trio
from attrs import define, field, frozen

from mix2api.clock import Clock
from mix2api.conversations.commands import (
    BeginPlanning,
    ClaimTask,
    RecordAnswer,
    RecordExecution,
    RecordPlan,
    StopTurn,
    TakeTurn,
    TurnCommand,
)
from mix2api.conversations.content import (
    AnswerWords,
    answer_field,
    output_field,
    plan_field,
    text_bytes,
    words_bytes,
)
from mix2api.conversations.decided import Decided, decided
from mix2api.conversations.evolve import Pair
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.pending import Effect, MakeAnswer, MakePlan, RunTask, pending
from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.execution.model_calls import ModelCalls, Question
from mix2api.execution.options import ExecutionOptions
from mix2api.execution.planning import made_plan
from mix2api.execution.turn_words import TurnReader
from mix2api.identity import Mint
from mix2api.store.conversations import Conversations, Looked
from mix2api.vocabulary import ProcessId

_LOOK_S: Final = 1.0
"""Between two looks while nothing is heard: another process may have cancelled the turn."""
_AGAIN_S: Final = 1.0
"""Before a call is made again that this deployment could not make: as `Retry-After` says to its clients."""
_LEASE_SLACK_MS: Final = 30_000
"""Of a claim beyond the longest call: for making the input and for recording the output."""


@frozen(kw_only=True)
class ExecutionParts:
    """What runs turns."""

    store: Conversations
    calls: ModelCalls
    options: ExecutionOptions
    process: ProcessId
    clock: Clock


@define(eq=False)
class TurnRunner:
    """Runs one turn."""

    _parts: ExecutionParts
    _turn: TurnRef
    _doing: set[Effect] = field(factory=set, init=False)
    _reader: TurnReader = field(init=False)

    @_reader.default
    def _own_reader(self) -> TurnReader:
        return TurnReader(self._parts.store, self._turn)

    async def run(self) -> None:
        """Runs it as far as it goes.

        Raises:
            mix2api.errors.StoreUnavailable: in a group. The turn stays as the log says.
            mix2api.conversations.events.UnreadableConversation: likewise.
        """
        parts, store, conversation = self._parts, self._parts.store, self._turn.conversation
        await self._tell(TakeTurn(at_ms=parts.clock.now_ms(), owner=parts.process))
        async with trio.open_nursery() as nursery:
            while True:
                bell = store.bell(conversation)
                pair = (await store.look(conversation, [self._turn.number])).pair(self._turn.number)
                if pair.turn is None or pair.turn.has_ended or pair.turn.owner != parts.process:
                    nursery.cancel_scope.cancel()
                    return
                if parts.clock.now_ms() - pair.turn.updated_ms > parts.options.stall_s * 1000:
                    await self._tell(
                        StopTurn(at_ms=parts.clock.now_ms(), why=Reason.STALLED, owner=parts.process)
                    )
                for effect in pending(pair):
                    if effect not in self._doing and len(self._doing) < parts.options.parallel:
                        self._doing.add(effect)
                        nursery.start_soon(self._do, effect)
                with trio.move_on_after(_LOOK_S):
                    await bell.wait()

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

    async def _make_plan(self) -> None:
        parts = self._parts
        await self._tell(BeginPlanning(at_ms=parts.clock.now_ms(), owner=parts.process))
        plan = made_plan(await self._reader.words())
        command = RecordPlan(
            at_ms=parts.clock.now_ms(),
            owner=parts.process,
            route=plan.route,
            tasks=plan.tasks,
            summarize=plan.graph.summarize,
        )
        await self._tell(command, {plan_field(self._turn.number): words_bytes(plan.words)})

    async def _run_task(self, task: int) -> None:
        parts = self._parts
        async with parts.calls.slots:
            now_ms, timeout_s = parts.clock.now_ms(), parts.options.call_timeout_s
            request_id = Mint.request_id()
            after = await self._tell(
                ClaimTask(
                    at_ms=now_ms,
                    owner=parts.process,
                    task=task,
                    lease_until_ms=now_ms + int(timeout_s * 1000) + _LEASE_SLACK_MS,
                    request_id=request_id,
                    model=parts.options.model,
                )
            )
            plan = None if after.turn is None else after.turn.plan
            running = None if plan is None else plan.tasks[task].running
            if running is None or running.request_id != request_id:
                return  # the turn has moved on
            answer = await parts.calls.ask(
                Question(
                    request_id=request_id,
                    model=running.model,
                    messages=await self._reader.messages(task),
                    owner=after.session.owner,
                    timeout_s=timeout_s,
                )
            )
        await self._tell(
            RecordExecution(
                at_ms=parts.clock.now_ms(),
                owner=parts.process,
                task=task,
                attempt=running.attempt,
                status=answer.status,
                error_type=answer.error_type,
                run_id=answer.run_id,
                usage=answer.usage,
            ),
            {output_field(self._turn.number, task): text_bytes(answer.text)} if answer.text else {},
        )
        if answer.status is ExecutionStatus.LOST:
            await trio.sleep(_AGAIN_S)

    async def _make_answer(self) -> None:
        parts = self._parts
        text, at_ms = await self._reader.result(), parts.clock.now_ms()
        words = AnswerWords(text=text, at_ms=at_ms)
        content = {answer_field(self._turn.number): words_bytes(words)}
        await self._tell(RecordAnswer(at_ms=at_ms, owner=parts.process), content)
