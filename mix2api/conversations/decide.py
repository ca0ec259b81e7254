"""`decide(pair, command) -> events`: what follows from a command, `()` for a repeat or what comes too late. Pure.

A process that lost a turn to another one is too late by definition: its commands name it as owner, and the turn has
another owner by then. An execution that ends names its attempt, so an earlier attempt has no effect either.
"""

from typing import Final, assert_never

from mix2api.conversations.commands import (
    AcceptTurn,
    BeginPlanning,
    ClaimTask,
    CreateSession,
    RecordAnswer,
    RecordExecution,
    RecordPlan,
    StopTurn,
    TakeTurn,
    TurnCommand,
    Verdict,
)
from mix2api.conversations.events import (
    ConversationEvent,
    ExecutionEnded,
    PlanMade,
    PlanMoved,
    SessionCreated,
    TaskClaimed,
    TaskMoved,
    TurnCreated,
    TurnMoved,
    TurnTaken,
)
from mix2api.conversations.evolve import Pair
from mix2api.conversations.state import Plan, Session, Task, Turn
from mix2api.conversations.states import (
    PLAN_ENDS,
    ExecutionStatus,
    PlanStage,
    PlanTrigger,
    Reason,
    TaskStage,
    TaskTrigger,
    TurnStage,
    TurnTrigger,
)
from mix2api.conversations.unfolding import Unfolding

Decision = tuple[ConversationEvent, ...]

CANCELLING: Final = frozenset({Reason.CANCELLED, Reason.INTERRUPTED, Reason.DELETED})
"""Reasons that cancel a turn; all others fail it."""

ATTEMPTS_MAX: Final = 20
"""Attempts at a task that was never refused by its model, but always lost: by then the deployment itself is broken."""


def create(session: Session, command: CreateSession) -> Decision:
    """The session's first event; nothing if it exists."""
    if session.version:
        return ()
    return (SessionCreated(at_ms=command.at_ms, owner=command.owner, user=command.user),)


def accept(session: Session, command: AcceptTurn) -> Decision:
    """The next turn of a session that exists. Whether the message is a repeat is the caller's to look up."""
    turn = session.turns + 1
    return (TurnCreated(turn=turn, at_ms=command.at_ms, client_message=command.client_message),)


def decide(pair: Pair, command: TurnCommand) -> Decision:
    """The events that follow from a command to a turn that exists."""
    turn = pair.turn
    if turn is None or turn.has_ended:
        return ()
    if isinstance(command, TakeTurn):
        return _take(pair, turn, command)
    if command.owner not in {None, turn.owner}:
        return ()
    return _of_owner(pair, turn, command)


def _of_owner(
    pair: Pair,
    turn: Turn,
    command: BeginPlanning | RecordPlan | ClaimTask | RecordExecution | RecordAnswer | StopTurn,
) -> Decision:
    match command:
        case BeginPlanning():
            return _begin(turn, command)
        case RecordPlan():
            return _record_plan(pair, turn, command)
        case ClaimTask():
            return _claim(pair, turn, command)
        case RecordExecution():
            return _record_execution(pair, turn, command)
        case RecordAnswer():
            return _answer(turn, command)
        case StopTurn():
            steps = Unfolding(pair)
            _stop(steps, turn, command.at_ms, command.why)
            return steps.taken
        case _:
            assert_never(command)


def _take(pair: Pair, turn: Turn, command: TakeTurn) -> Decision:
    steps = Unfolding(pair)
    at_ms, number = command.at_ms, turn.number
    steps.add(TurnTaken(turn=number, at_ms=at_ms, owner=command.owner, attempt=turn.attempt + 1))
    for task, attempt in _running(turn):
        steps.add(_ended(turn, task, attempt, at_ms, ExecutionStatus.LOST))
        steps.add(_task(turn, at_ms, task, TaskTrigger.RELEASED, Reason.WORKER_LOST))
    return steps.taken


def _begin(turn: Turn, command: BeginPlanning) -> Decision:
    if turn.stage is not TurnStage.CREATED:
        return ()
    return (TurnMoved(turn=turn.number, at_ms=command.at_ms, trigger=TurnTrigger.PLANNED),)


def _answer(turn: Turn, command: RecordAnswer) -> Decision:
    if turn.stage is not TurnStage.SUMMARIZING:
        return ()
    return (TurnMoved(turn=turn.number, at_ms=command.at_ms, trigger=TurnTrigger.ANSWERED),)


def _record_plan(pair: Pair, turn: Turn, command: RecordPlan) -> Decision:
    if turn.stage is not TurnStage.PLANNING:
        return ()
    steps = Unfolding(pair)
    steps.add(
        PlanMade(
            turn=turn.number,
            at_ms=command.at_ms,
            plan=pair.session.plans + 1,
            route=command.route,
            tasks=command.tasks,
            summarize=command.summarize,
        )
    )
    steps.add(TurnMoved(turn=turn.number, at_ms=command.at_ms, trigger=TurnTrigger.MADE))
    steps.advance(command.at_ms)
    return steps.taken


def _claim(pair: Pair, turn: Turn, command: ClaimTask) -> Decision:
    plan = turn.plan
    if plan is None or turn.stage is not TurnStage.EXECUTING:
        return ()
    task = plan.tasks[command.task]
    if task.stage not in {TaskStage.READY, TaskStage.REFINING}:
        return ()
    steps = Unfolding(pair)
    if plan.stage is PlanStage.READY:
        steps.add(PlanMoved(turn=turn.number, at_ms=command.at_ms, trigger=PlanTrigger.BEGUN))
    steps.add(
        TaskClaimed(
            turn=turn.number,
            at_ms=command.at_ms,
            task=command.task,
            attempt=task.attempt + 1,
            owner=command.owner,
            lease_until_ms=command.lease_until_ms,
            request_id=command.request_id,
            model=command.model,
        )
    )
    return steps.taken


def _record_execution(pair: Pair, turn: Turn, command: RecordExecution) -> Decision:
    plan = turn.plan
    if plan is None:
        return ()
    task = plan.tasks[command.task]
    running = task.running
    if running is None or running.attempt != command.attempt:
        return ()
    steps = Unfolding(pair)
    steps.add(
        ExecutionEnded(
            turn=turn.number,
            at_ms=command.at_ms,
            task=command.task,
            attempt=command.attempt,
            status=command.status,
            error_type=_error_type(task, command),
            run_id=command.run_id,
            usage=command.usage,
        )
    )
    if command.status is ExecutionStatus.TIMED_OUT:
        _timed_out(steps, turn, task, command)
    elif command.status is ExecutionStatus.COMPLETED:
        _completed(steps, turn, plan, command)
    elif command.status is ExecutionStatus.LOST and command.attempt < ATTEMPTS_MAX:
        steps.add(_task(turn, command.at_ms, command.task, TaskTrigger.RELEASED, Reason.WORKER_LOST))
    else:
        _lost(steps, turn, command.task, task, command.at_ms, command.why)
    steps.advance(command.at_ms)
    return steps.taken


def _timed_out(steps: Unfolding, turn: Turn, task: Task, command: RecordExecution) -> None:
    """The first time-out of a round is repeated. The second one ends task, plan and turn together."""
    if not task.timeouts:
        steps.add(_task(turn, command.at_ms, command.task, TaskTrigger.RELEASED, Reason.TIMEOUT))
        return
    _lost(steps, turn, command.task, task, command.at_ms, Reason.TIMEOUT)
    _stop(steps, steps.turn, command.at_ms, Reason.TIMEOUT)


def _completed(steps: Unfolding, turn: Turn, plan: Plan, command: RecordExecution) -> None:
    number, at_ms = command.task, command.at_ms
    target = plan.tasks[number].target
    if target is None:
        judged = plan.critic_of(number) is not None
        steps.add(_task(turn, at_ms, number, TaskTrigger.ANSWERED if judged else TaskTrigger.COMPLETED))
    elif command.verdict is Verdict.UNREADABLE and not _was_unreadable(plan.tasks[number]):
        steps.add(_task(turn, at_ms, number, TaskTrigger.RELEASED, Reason.UNREADABLE_VERDICT))
    elif command.verdict is Verdict.UNREADABLE:
        _lost(steps, turn, number, plan.tasks[number], at_ms, Reason.UNREADABLE_VERDICT)
    elif command.verdict is Verdict.PASSED:
        steps.add(_task(turn, at_ms, number, TaskTrigger.COMPLETED))
        steps.add(_task(turn, at_ms, target, TaskTrigger.COMPLETED))
    elif plan.tasks[target].refinements < plan.tasks[number].max_refine:
        steps.add(_task(turn, at_ms, number, TaskTrigger.SENT_BACK))
        steps.add(_task(turn, at_ms, target, TaskTrigger.SENT_BACK))
    else:
        steps.add(_task(turn, at_ms, number, TaskTrigger.COMPLETED))
        steps.add(_task(turn, at_ms, target, TaskTrigger.FAILED, Reason.NOT_PASSED))


def _was_unreadable(critic: Task) -> bool:
    """Whether the attempt before the one under way gave no verdict: one such answer is told of and repeated."""
    return [execution.error_type for execution in critic.executions[-2:-1]] == [Reason.UNREADABLE_VERDICT]


def _error_type(task: Task, command: RecordExecution) -> str | None:
    is_unreadable = task.target is not None and command.verdict is Verdict.UNREADABLE
    return Reason.UNREADABLE_VERDICT.value if is_unreadable else command.error_type


def _lost(steps: Unfolding, turn: Turn, number: int, task: Task, at_ms: int, why: Reason) -> None:
    """A task failed. What a CRITIC cannot judge has not passed, so the CRITIC's target fails with it."""
    steps.add(_task(turn, at_ms, number, TaskTrigger.FAILED, why))
    if task.target is not None:
        steps.add(_task(turn, at_ms, task.target, TaskTrigger.FAILED, why))


def _stop(steps: Unfolding, turn: Turn, at_ms: int, why: Reason) -> None:
    """Ends turn and plan, and what of the tasks is under way."""
    cancels = why in CANCELLING
    plan = turn.plan
    for number, attempt in _running(turn):
        steps.add(_ended(turn, number, attempt, at_ms, ExecutionStatus.CANCELLED))
    for number, task in enumerate(() if plan is None else plan.tasks):
        if not task.has_ended:
            steps.add(_task(turn, at_ms, number, TaskTrigger.SKIPPED, Reason.TURN_ENDED))
    if plan is not None and plan.stage not in PLAN_ENDS:
        trigger = PlanTrigger.CANCELLED if cancels else PlanTrigger.FAILED
        steps.add(PlanMoved(turn=turn.number, at_ms=at_ms, trigger=trigger))
    ending = TurnTrigger.CANCELLED if cancels else TurnTrigger.FAILED
    steps.add(TurnMoved(turn=turn.number, at_ms=at_ms, trigger=ending, why=why))


def _running(turn: Turn) -> list[tuple[int, int]]:
    """Task and attempt of all executions under way."""
    if turn.plan is None:
        return []
    return [
        (number, task.running.attempt)
        for number, task in enumerate(turn.plan.tasks)
        if task.running is not None
    ]


def _ended(turn: Turn, task: int, attempt: int, at_ms: int, status: ExecutionStatus) -> ExecutionEnded:
    return ExecutionEnded(turn=turn.number, at_ms=at_ms, task=task, attempt=attempt, status=status)


def _task(turn: Turn, at_ms: int, task: int, trigger: TaskTrigger, why: Reason | None = None) -> TaskMoved:
    return TaskMoved(turn=turn.number, at_ms=at_ms, task=task, trigger=trigger, why=why)
