"""One attempt at a task: its input is made, the model is called, and what came of it is recorded."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio
from attrs import define

from mix2api.conversations.commands import RecordExecution, TurnCommand, Verdict
from mix2api.conversations.content import feedback_field, output_field, text_bytes
from mix2api.conversations.critic import read_verdict
from mix2api.conversations.evolve import Pair
from mix2api.conversations.graph import Node, NodeType
from mix2api.conversations.prompts import TaskInput, task_messages
from mix2api.conversations.state import Execution
from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.conversations.templates import TemplateFault
from mix2api.execution.model_calls import ModelAnswer, Question
from mix2api.execution.parts import ExecutionParts
from mix2api.execution.turn_words import TurnReader
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

Tell = Callable[[TurnCommand, Mapping[str, bytes]], Awaitable[Pair]]
"""Records what follows from a command, with content."""

_AGAIN_S: Final = 1.0
"""Before a call is made again that this deployment could not make: as `Retry-After` says to its clients."""


@define(eq=False)
class TaskAttempt:
    """One attempt."""

    _parts: ExecutionParts
    _reader: TurnReader
    _tell: Tell
    _turn: int
    _task: int
    _execution: Execution

    async def make(self, owner: Digest) -> None:
        """Makes it.

        Args:
            owner: fingerprint of the credential for which the model is asked.
        """
        plan = await self._reader.plan()
        node = plan.graph.nodes[self._task]
        try:
            messages = await self._messages(node)
        except TemplateFault:
            await self._record(
                ModelAnswer(status=ExecutionStatus.FAILED, error_type=Reason.BAD_TEMPLATE.value),
                why=Reason.BAD_TEMPLATE,
            )
            return
        answer = await self._parts.calls.ask(
            Question(
                request_id=self._execution.request_id,
                model=self._execution.model,
                messages=messages,
                owner=owner,
                timeout_s=self._parts.options.call_timeout_s,
            )
        )
        if answer.status is not ExecutionStatus.COMPLETED:
            await self._record(answer)
        elif node.type is NodeType.CRITIC:
            await self._judge(node, answer)
        else:
            await self._record(answer, {output_field(self._turn, self._task): text_bytes(answer.text)})
        if answer.status is ExecutionStatus.LOST:
            await trio.sleep(_AGAIN_S)

    async def _messages(self, node: Node) -> list[Message]:
        plan, texts = await self._reader.plan(), await self._reader.texts(self._task)
        history = [] if node.type is NodeType.CRITIC else await self._reader.history()
        said = TaskInput(
            graph=plan.graph, context=plan.context, outputs=texts.outputs, feedback=texts.feedback
        )
        return task_messages(node.id, self._parts.agent(node.agent_key), said, history)

    async def _judge(self, node: Node, answer: ModelAnswer) -> None:
        """Records a CRITIC's verdict. Its feedback is for its target; what is no verdict is told to the CRITIC itself."""
        said = read_verdict(answer.text)
        if isinstance(said, str):
            content = {feedback_field(self._turn, self._task): text_bytes(said)}
            await self._record(answer, content, verdict=Verdict.UNREADABLE)
        elif said.passed:
            await self._record(answer)
        else:
            target = self._reader.names.index(node.target)
            content = {feedback_field(self._turn, target): text_bytes(said.feedback)}
            await self._record(answer, content, verdict=Verdict.REFUSED)

    async def _record(
        self,
        answer: ModelAnswer,
        content: Mapping[str, bytes] | None = None,
        *,
        why: Reason = Reason.CALL_FAILED,
        verdict: Verdict = Verdict.PASSED,
    ) -> None:
        command = RecordExecution(
            at_ms=self._parts.clock.now_ms(),
            owner=self._parts.process,
            task=self._task,
            attempt=self._execution.attempt,
            status=answer.status,
            why=why,
            verdict=verdict,
            error_type=answer.error_type,
            run_id=answer.run_id,
            usage=answer.usage,
        )
        await self._tell(command, content or {})
