"""Events of one decision in the making, each applied before the next one is decided. Pure."""

from attrs import define, field

from mix2api.conversations.events import ConversationEvent, PlanMoved, TaskMoved, TurnMoved
from mix2api.conversations.evolve import Pair, evolve
from mix2api.conversations.readiness import Progress, next_moves
from mix2api.conversations.state import Plan, Turn
from mix2api.conversations.states import (
    PlanTrigger,
    Reason,
    TaskStage,
    TaskTrigger,
    TurnStage,
    TurnTrigger,
)


@define
class Unfolding:
    """The steps that a decision takes.

    Args:
        pair: the session and the turn before the first one; the turn is there.
    """

    _pair: Pair
    _taken: list[ConversationEvent] = field(factory=list, init=False)

    @property
    def taken(self) -> tuple[ConversationEvent, ...]:
        """All steps so far."""
        return tuple(self._taken)

    @property
    def turn(self) -> Turn:
        """The turn after them."""
        turn = self._pair.turn
        assert turn is not None  # noqa: S101 - no event takes a turn away
        return turn

    def add(self, event: ConversationEvent) -> None:
        """One more step."""
        self._pair = evolve(self._pair, event)
        self._taken.append(event)

    def advance(self, at_ms: int) -> None:
        """The steps that follow from the plan's progress: tasks become ready or are skipped, and the plan ends.

        Args:
            at_ms: when the steps are taken.
        """
        turn, plan = self.turn, self.turn.plan
        if plan is None or turn.stage is not TurnStage.EXECUTING:
            return
        moves = next_moves(plan.graph, _progress(plan))
        for node in moves.skipped:
            self.add(_moved(turn, at_ms, node, TaskTrigger.SKIPPED, Reason.UPSTREAM_FAILED))
        for node in moves.ready:
            self.add(_moved(turn, at_ms, node, TaskTrigger.READY))
        stages = {task.stage for task in (self.turn.plan or plan).tasks}
        if stages == {TaskStage.COMPLETED}:
            self.add(PlanMoved(turn=turn.number, at_ms=at_ms, trigger=PlanTrigger.COMPLETED))
            self.add(TurnMoved(turn=turn.number, at_ms=at_ms, trigger=TurnTrigger.FINISHED))
        elif stages <= {TaskStage.COMPLETED, TaskStage.FAILED, TaskStage.SKIPPED}:
            self.add(PlanMoved(turn=turn.number, at_ms=at_ms, trigger=PlanTrigger.FAILED))
            failed = TurnTrigger.FAILED
            self.add(TurnMoved(turn=turn.number, at_ms=at_ms, trigger=failed, why=Reason.TASK_FAILED))


def _moved(turn: Turn, at_ms: int, node: str, trigger: TaskTrigger, why: Reason | None = None) -> TaskMoved:
    return TaskMoved(turn=turn.number, at_ms=at_ms, task=int(node), trigger=trigger, why=why)


def _progress(plan: Plan) -> Progress:
    by_stage: dict[TaskStage, set[str]] = {stage: set() for stage in TaskStage}
    for number, task in enumerate(plan.tasks):
        by_stage[task.stage].add(str(number))
    return Progress(
        pending=by_stage[TaskStage.PENDING],
        validating=by_stage[TaskStage.VALIDATING],
        completed=by_stage[TaskStage.COMPLETED],
        lost=by_stage[TaskStage.FAILED] | by_stage[TaskStage.SKIPPED],
    )
