"""The usage of one answer, whole or broken off: the site's figures where it gave them, ours where it did not."""

import trio

from mix2api.actors.answer import Answer
from mix2api.actors.budgets import Budgets, TurnBudget
from mix2api.actors.environment import Environment
from mix2api.actors.translation import Translation
from mix2api.budget.usage import CountedUsage, ReportedUsage, SettledUsage, settled
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.vocabulary import SessionId


async def usage_of_run(
    environment: Environment,
    session_id: SessionId,
    budget: TurnBudget,
    prepared: PreparedTurn,
    translation: Translation,
) -> SettledUsage | None:
    """The usage of a run that ends. Nothing interrupts it. None where turns are not counted, or where we failed at it.

    Args:
        environment: counts, and hears of faults.
        session_id: whose run it is.
        budget: of the turn.
        prepared: the turn.
        translation: of the answer.
    """
    budgets = environment.budgets
    if budgets is None:
        return None
    used = None
    try:
        with trio.CancelScope(shield=True):
            used = await usage_of(budgets, budget, prepared, translation.answer, translation.reported)
    except Exception as fault:  # noqa: BLE001 - part of the supervision of a run: it ends without figures
        environment.on_fault(session_id, fault)
    return used


async def usage_of(
    budgets: Budgets,
    budget: TurnBudget,
    prepared: PreparedTurn,
    answer: Answer,
    reported: ReportedUsage | None,
) -> SettledUsage:
    """The usage. Nothing is counted that the site has told.

    Args:
        budgets: count.
        budget: of the turn.
        prepared: the turn.
        answer: as far as it has come.
        reported: the site's last word, if it gave any.
    """
    said = ReportedUsage() if reported is None else reported
    prompt = 0 if said.prompt is not None else await budgets.prompt(prepared, budget)
    thought_told = said.reasoning is not None or not answer.thoughts
    if said.completion is not None and thought_told:
        return settled(said, CountedUsage(prompt=prompt, completion=0))
    reasoning = await budgets.text("".join(answer.thoughts), budget.counter) if answer.thoughts else 0
    if said.completion is not None:
        return settled(said, CountedUsage(prompt=prompt, completion=0, reasoning=reasoning))
    completion = reasoning + await budgets.answer(answer.message(), budget)
    return settled(said, CountedUsage(prompt=prompt, completion=completion, reasoning=reasoning))
