"""A model's summary of what a trimmed history lacks: asked for in an upstream session of its own (`MIX2API_BUDGET_SUMMARY=model`).

The turn waits for it, so the wait has a deadline. Where the model fails or is too slow, the extractive summary stays. The
`request` event says which one went up (ADR 62).
"""

from functools import partial

import trio
from attrs import evolve
from msgspec.structs import replace

from mix2api.actors.budgets import Budgets, TurnBudget
from mix2api.actors.environment import Environment
from mix2api.actors.turns import PendingTurn
from mix2api.budget.asked_summary import ask_for, block_of, with_block
from mix2api.budget.decision import corrected
from mix2api.budget.summary import SummaryOutcome
from mix2api.sessions.worker_port import Submission
from mix2api.upstreams.port import Finished, Text, Upstream, UpstreamCall, UpstreamFault
from mix2api.wire.turn import Message


async def summed_up_by_model(
    environment: Environment, budgets: Budgets, turn: PendingTurn, budget: TurnBudget
) -> TurnBudget:
    """The budget with the model's summary; with the extractive one where the model gives none in time.

    A client that leaves is noticed at once: the turn is over then, and nothing of the budget is used.

    Args:
        environment: ports and limits.
        budgets: that made it.
        turn: whose history it is.
        budget: of the turn, with the extractive summary.
    """
    ask, began_ms = budgets.options.ask, environment.clock.monotonic_ms()
    if ask is None or budget.asking is None:
        return budget
    made = None
    with trio.CancelScope() as left, trio.move_on_after(ask.timeout_s) as late:
        turn.on_over = lambda _: left.cancel()
        try:
            messages = await _question(budgets, budget, ask.input_tokens)
            call = _call(turn.submission, messages, budget.asking.reserved)
            answer = await _answer(environment.upstream, call, environment.options.answer_bytes)
            made = await _with_answer(budgets, budget, answer)
        finally:
            turn.on_over = None
    failed = SummaryOutcome.MODEL_LATE if late.cancelled_caught else SummaryOutcome.MODEL_FAILED
    took_ms = round(environment.clock.monotonic_ms() - began_ms)
    return evolve(made or evolve(budget, summary=failed), summary_ms=took_ms)


async def _question(budgets: Budgets, budget: TurnBudget, most: int) -> list[Message]:
    if budget.left_out is None or budget.asking is None:
        return []
    room = min(most, int(budget.asking.available / budget.factor))
    return await budgets.counting.off_loop(partial(ask_for, budget.left_out, room, budget.counter.content))


def _call(submission: Submission, messages: list[Message], max_tokens: int) -> UpstreamCall:
    """The question: to the same model with the same credential, and with nothing else of the turn."""
    turn = replace(
        submission.turn,
        messages=messages,
        stream=True,
        max_tokens=max_tokens,
        sampling={},
        tools=None,
        tool_choice=None,
        parallel_tool_calls=None,
        persona_id=None,
        previous_response=None,
        given={},
    )
    return UpstreamCall(
        run_id=submission.run_id,
        request_id=submission.request_id,
        turn=turn,
        messages=messages,
        authorization=submission.authorization,
        caller=submission.caller or submission.isolation,
    )


async def _answer(upstream: Upstream, call: UpstreamCall, most_chars: int) -> str:
    """What the model answers; empty if there is nothing to ask, it did not finish, or it wrote without end."""
    pieces: list[str] = []
    left = most_chars
    if not call.messages:
        return ""
    try:
        async with upstream.open(call) as stream:
            async for batch in stream:
                for event in batch:
                    if isinstance(event, Text):
                        pieces.append(event.text)
                        left -= len(event.text)
                    elif isinstance(event, Finished):
                        return "".join(pieces)
                if left < 0:
                    break
    except UpstreamFault:
        pass
    return ""


async def _with_answer(budgets: Budgets, budget: TurnBudget, answer: str) -> TurnBudget | None:
    """The budget with the answer as its summary; None if there is none, or nothing of it fits."""
    left_out = budget.left_out
    if left_out is None or not answer:
        return None
    made = await budgets.counting.off_loop(partial(block_of, answer, left_out, budget.counter.message))
    if made is None:
        return None
    block, size = made
    tokens = left_out.tokens + size
    messages = with_block(budget.unseen.messages, left_out, block)
    return evolve(
        budget,
        unseen=evolve(budget.unseen, messages=messages),
        tokens=tokens,
        used=corrected(tokens, budget.factor),
        summary=SummaryOutcome.MODEL,
    )
