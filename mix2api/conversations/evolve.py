"""`evolve(pair, event) -> pair`: what each event makes of a session and of one of its turns. Pure."""

from collections.abc import Iterable

from attrs import frozen
from msgspec.structs import replace

from mix2api.conversations.events import (
    ConversationEvent,
    ExecutionEnded,
    PlanMade,
    PlanMoved,
    SessionCreated,
    TaskClaimed,
    TaskMoved,
    TurnCreated,
    TurnEvent,
    TurnMoved,
    TurnTaken,
)
from mix2api.conversations.state import NOTHING, Execution, Plan, Session, Task, Turn
from mix2api.conversations.states import (
    PLANS,
    TASKS,
    TURN_ENDS,
    TURNS,
    ExecutionStatus,
    PlanStage,
    PlanTrigger,
    TaskStage,
    TaskTrigger,
)


class IllegalEvent(ValueError):
    """A table has no row for this event here, or it names what there is not. A reader treats it as damage."""


@frozen
class Pair:
    """A session, and the turn that an event is about."""

    session: Session = NOTHING
    turn: Turn | None = None
    """None: there is no such turn yet."""


def evolve(pair: Pair, event: ConversationEvent) -> Pair:
    """The pair after one more event.

    Raises:
        IllegalEvent: a live log never holds one.
    """
    session, turn = pair.session, pair.turn
    if isinstance(event, SessionCreated):
        if session.version:
            raise IllegalEvent("the session exists")
        return Pair(_created(event), turn)
    if not session.version:
        raise IllegalEvent("there is no session")
    if isinstance(event, TurnCreated):
        return _accepted(session, event)
    if turn is None or turn.number != event.turn or turn.has_ended:
        raise IllegalEvent("the turn does not run")
    turn = replace(_moved(turn, event), version=turn.version + 1, updated_ms=event.at_ms)
    if isinstance(event, PlanMade):
        session = _touched(session, event.at_ms, plans=event.plan)
    elif turn.stage in TURN_ENDS:
        rest = tuple(number for number in session.open if number != turn.number)
        session = _touched(session, event.at_ms, open=rest)
    return Pair(session, turn)


def fold(events: Iterable[ConversationEvent]) -> tuple[Session, dict[int, Turn]]:
    """The session and all of its turns.

    Raises:
        IllegalEvent: see `evolve`.
    """
    session, turns = NOTHING, dict[int, Turn]()
    for event in events:
        number = 0 if isinstance(event, SessionCreated) else event.turn
        after = evolve(Pair(session, turns.get(number)), event)
        session = after.session
        if after.turn is not None:
            turns[number] = after.turn
    return session, turns


def _touched(session: Session, at_ms: int, **changes: object) -> Session:
    return replace(session, version=session.version + 1, updated_ms=at_ms, **changes)


def _created(event: SessionCreated) -> Session:
    return Session(
        version=1, owner=event.owner, user=event.user, created_ms=event.at_ms, updated_ms=event.at_ms
    )


def _accepted(session: Session, event: TurnCreated) -> Pair:
    if event.turn != session.turns + 1:
        raise IllegalEvent("turns are numbered in their order")
    turn = Turn(number=event.turn, created_ms=event.at_ms, updated_ms=event.at_ms)
    open_turns = (*session.open, event.turn)
    return Pair(_touched(session, event.at_ms, turns=event.turn, open=open_turns), turn)


def _moved(turn: Turn, event: TurnEvent) -> Turn:
    if isinstance(event, TurnTaken):
        return replace(turn, owner=event.owner, attempt=event.attempt)
    if isinstance(event, TurnMoved):
        stage = TURNS.get((turn.stage, event.trigger))
        if stage is None:
            raise IllegalEvent(f"{event.trigger} in {turn.stage}")
        return replace(turn, stage=stage, why=event.why)
    if isinstance(event, PlanMade):
        if turn.plan is not None:
            raise IllegalEvent("the turn has a plan")
        return replace(turn, plan=_planned(event))
    if turn.plan is None:
        raise IllegalEvent("the turn has no plan")
    return replace(turn, plan=_progressed(turn.plan, event))


def _planned(event: PlanMade) -> Plan:
    tasks = tuple(
        Task(
            type=task.type,
            agent_key=task.agent_key,
            depends=task.depends,
            target=task.target,
            max_refine=task.max_refine,
            created_ms=event.at_ms,
            updated_ms=event.at_ms,
        )
        for task in event.tasks
    )
    return Plan(
        number=event.plan,
        stage=PLANS[PlanStage.PLANNING, PlanTrigger.MADE],
        route=event.route,
        created_ms=event.at_ms,
        updated_ms=event.at_ms,
        tasks=tasks,
        summarize=event.summarize,
    )


def _progressed(plan: Plan, event: PlanMoved | TaskMoved | TaskClaimed | ExecutionEnded) -> Plan:
    plan = replace(plan, updated_ms=event.at_ms)
    if isinstance(event, PlanMoved):
        stage = PLANS.get((plan.stage, event.trigger))
        if stage is None:
            raise IllegalEvent(f"{event.trigger} in {plan.stage}")
        return replace(plan, stage=stage)
    if not 0 <= event.task < len(plan.tasks):
        raise IllegalEvent("the plan has no such task")
    before = plan.tasks[event.task]
    task = replace(_changed(before, event), updated_ms=event.at_ms)
    return replace(plan, tasks=(*plan.tasks[: event.task], task, *plan.tasks[event.task + 1 :]))


def _changed(task: Task, event: TaskMoved | TaskClaimed | ExecutionEnded) -> Task:
    if isinstance(event, ExecutionEnded):
        return _executed(task, event)
    trigger = TaskTrigger.CLAIMED if isinstance(event, TaskClaimed) else event.trigger
    stage = TASKS.get((task.stage, trigger))
    if stage is None:
        raise IllegalEvent(f"{trigger} in {task.stage}")
    if isinstance(event, TaskClaimed):
        return replace(_claimed(task, event), stage=stage)
    if trigger is TaskTrigger.SENT_BACK:
        task = replace(task, timeouts=0, refinements=task.refinements + (stage is TaskStage.REFINING))
    return replace(task, stage=stage, why=event.why)


def _claimed(task: Task, event: TaskClaimed) -> Task:
    if event.attempt != task.attempt + 1:
        raise IllegalEvent("attempts are numbered in their order")
    execution = Execution(
        attempt=event.attempt,
        owner=event.owner,
        started_ms=event.at_ms,
        lease_until_ms=event.lease_until_ms,
        request_id=event.request_id,
        model=event.model,
    )
    return replace(task, why=None, executions=(*task.executions, execution))


def _executed(task: Task, event: ExecutionEnded) -> Task:
    running = task.running
    if running is None or running.attempt != event.attempt or running.status is not ExecutionStatus.RUNNING:
        raise IllegalEvent("the attempt does not run")
    execution = replace(
        running,
        status=event.status,
        ended_ms=event.at_ms,
        error_type=event.error_type,
        run_id=event.run_id,
        usage=event.usage,
    )
    timeouts = task.timeouts + 1 if event.status is ExecutionStatus.TIMED_OUT else task.timeouts
    return replace(task, timeouts=timeouts, executions=(*task.executions[:-1], execution))
