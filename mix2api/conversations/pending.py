"""`pending(pair)`: the effects that a turn still asks for, as data. Folding itself calls nobody.

A process that takes a turn over asks this what is left to do; a replay asks nothing.
"""

from attrs import frozen

from mix2api.conversations.evolve import Pair
from mix2api.conversations.states import TaskStage, TurnStage


@frozen
class MakePlan:
    """Route the message, or have the model draft a graph."""


@frozen
class RunTask:
    """Claim a task, and run it."""

    task: int


@frozen
class MakeAnswer:
    """Make the message of the outputs."""


Effect = MakePlan | RunTask | MakeAnswer


def pending(pair: Pair) -> tuple[Effect, ...]:
    """The effects that are due; none for a turn that has ended, or waits for an earlier one.

    Attempts under way are not among them: whoever takes a turn over releases them first.
    """
    turn = pair.turn
    if turn is None or turn.number != pair.session.active:
        return ()
    if turn.stage in {TurnStage.CREATED, TurnStage.PLANNING}:
        return (MakePlan(),)
    if turn.stage is TurnStage.SUMMARIZING:
        return (MakeAnswer(),)
    tasks = () if turn.plan is None else turn.plan.tasks
    return tuple(
        RunTask(number)
        for number, task in enumerate(tasks)
        if task.stage in {TaskStage.READY, TaskStage.REFINING}
    )
