"""What follows from commands to a turn, and from the progress of its plan."""

from conversation_turns import OTHER, OWNER, TurnInTheMaking, critic, worker

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
    Verdict,
)
from mix2api.conversations.decide import ATTEMPTS_MAX, accept, create, decide
from mix2api.conversations.evolve import Pair
from mix2api.conversations.states import (
    ExecutionStatus,
    PlanStage,
    Reason,
    TurnStage,
)
from mix2api.vocabulary import Digest, RequestId

FAILED, TIMED_OUT, LOST = ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.LOST


def test_a_session_is_created_once() -> None:
    made = TurnInTheMaking.accepted()
    assert create(made.pair.session, CreateSession(at_ms=9, owner=Digest("x"), user=Digest("y"))) == ()


def test_there_is_nothing_to_do_for_a_turn_that_does_not_exist() -> None:
    assert decide(Pair(), TakeTurn(at_ms=1, owner=OWNER)) == ()


def test_tasks_run_as_their_dependencies_allow_and_the_turn_is_answered_last() -> None:
    made = TurnInTheMaking.planned(worker(), worker(), worker(0, 1))
    assert made.ready() == [0, 1]
    made.run(0)
    assert (made.ready(), made.plan.stage) == ([1], PlanStage.RUNNING)
    made.run(1)
    made.run(2)
    assert (made.turn.stage, made.plan.stage) == (TurnStage.SUMMARIZING, PlanStage.COMPLETED)
    made.tell(RecordAnswer(at_ms=9000, owner=OWNER))
    assert (made.turn.stage, made.pair.session.open) == (TurnStage.COMPLETED, ())


def test_what_waits_for_a_failed_task_is_skipped_and_other_branches_go_on() -> None:
    made = TurnInTheMaking.planned(worker(), worker(0), worker(1), worker())
    made.run(0, FAILED)
    assert made.stages == ["FAILED", "SKIPPED", "SKIPPED", "READY"]
    assert made.turn.stage is TurnStage.EXECUTING
    made.run(3)
    assert (made.turn.stage, made.turn.why) == (TurnStage.FAILED, Reason.TASK_FAILED)
    assert made.plan.stage is PlanStage.FAILED


def test_a_call_that_times_out_is_repeated_once() -> None:
    made = TurnInTheMaking.planned(worker())
    made.run(0, TIMED_OUT)
    assert (made.stages, made.task(0).why) == (["READY"], Reason.TIMEOUT)
    made.run(0)
    assert made.turn.stage is TurnStage.SUMMARIZING
    assert [execution.attempt for execution in made.task(0).executions] == [1, 2]


def test_a_second_time_out_ends_task_plan_and_turn_together() -> None:
    made = TurnInTheMaking.planned(worker(), worker(), worker(0))
    made.claim(1)
    made.run(0, TIMED_OUT)
    made.run(0, TIMED_OUT)
    assert (made.turn.stage, made.turn.why) == (TurnStage.FAILED, Reason.TIMEOUT)
    assert (made.plan.stage, made.stages) == (PlanStage.FAILED, ["FAILED", "SKIPPED", "SKIPPED"])
    assert made.task(1).executions[0].status is ExecutionStatus.CANCELLED


def test_a_critic_that_passes_completes_its_target() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0), worker(0))
    made.run(0)
    assert made.stages == ["VALIDATING", "READY", "PENDING"]
    made.run(1)
    assert made.stages == ["COMPLETED", "COMPLETED", "READY"]


def test_a_critic_sends_its_target_back_as_often_as_it_may() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0, max_refine=1))
    made.run(0, TIMED_OUT)
    made.run(0)
    made.run(1, verdict=Verdict.REFUSED)
    assert made.stages == ["REFINING", "PENDING"]
    assert (made.task(0).refinements, made.task(0).timeouts) == (1, 0)
    made.run(0)
    made.run(1, verdict=Verdict.REFUSED)
    assert made.stages == ["FAILED", "COMPLETED"]
    assert (made.task(0).why, made.turn.stage) == (Reason.NOT_PASSED, TurnStage.FAILED)


def test_a_critic_without_a_verdict_is_asked_once_more_and_then_fails_with_its_target() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0))
    made.run(0)
    made.run(1, verdict=Verdict.UNREADABLE)
    assert made.stages == ["VALIDATING", "READY"]
    made.run(1, verdict=Verdict.UNREADABLE)
    assert made.stages == ["FAILED", "FAILED"]
    assert made.task(0).why is Reason.UNREADABLE_VERDICT
    assert made.task(1).executions[1].error_type == "unreadable_verdict"


def test_a_failed_critic_fails_its_target() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0))
    made.run(0)
    made.run(1, FAILED, why=Reason.BAD_TEMPLATE)
    assert [task.why for task in made.plan.tasks] == [Reason.BAD_TEMPLATE] * 2


def test_a_process_that_takes_a_turn_over_runs_lost_attempts_once_more() -> None:
    made = TurnInTheMaking.planned(worker(), worker())
    made.claim(0)
    made.tell(TakeTurn(at_ms=2000, owner=OTHER))
    assert (made.stages, made.turn.attempt) == (["READY", "READY"], 2)
    assert made.task(0).executions[0].status is LOST
    assert made.claim(0) == ()  # by the former owner
    assert made.claim(0, OTHER)
    assert made.task(0).attempt == 2


def test_an_earlier_attempt_s_end_has_no_effect() -> None:
    made = TurnInTheMaking.planned(worker())
    made.claim(0)
    made.tell(TakeTurn(at_ms=2000, owner=OWNER))
    made.claim(0)
    late = RecordExecution(at_ms=2001, owner=OWNER, task=0, attempt=1, status=ExecutionStatus.COMPLETED)
    assert decide(made.pair, late) == ()


def test_an_attempt_that_this_deployment_could_not_make_is_repeated_until_it_is_too_many() -> None:
    made = TurnInTheMaking.planned(worker())
    for _ in range(ATTEMPTS_MAX - 1):
        made.run(0, LOST)
        assert made.stages == ["READY"]
    made.run(0, LOST)
    assert made.stages == ["FAILED"]


def test_a_turn_is_stopped_in_any_stage() -> None:
    created = TurnInTheMaking.accepted()
    created.tell(StopTurn(at_ms=9, why=Reason.CANCELLED))
    assert (created.turn.stage, created.turn.why) == (TurnStage.CANCELLED, Reason.CANCELLED)

    running = TurnInTheMaking.planned(worker(), worker())
    running.run(0)
    running.claim(1)
    running.tell(StopTurn(at_ms=9000, why=Reason.INTERRUPTED))
    assert (running.stages, running.plan.stage) == (["COMPLETED", "SKIPPED"], PlanStage.CANCELLED)

    answered = TurnInTheMaking.planned(worker())
    answered.run(0)
    answered.tell(StopTurn(at_ms=9000, why=Reason.STALLED, owner=OWNER))
    assert (answered.turn.stage, answered.plan.stage) == (TurnStage.FAILED, PlanStage.COMPLETED)


def test_only_the_owner_of_a_turn_gives_it_commands() -> None:
    made = TurnInTheMaking.planned(worker())
    assert decide(made.pair, StopTurn(at_ms=9, why=Reason.STALLED, owner=OTHER)) == ()


def test_commands_of_another_stage_have_no_effect() -> None:
    planned = TurnInTheMaking.planned(worker())
    plan = RecordPlan(at_ms=9, owner=OWNER, route=planned.plan.route, tasks=(worker(),))
    for late in (BeginPlanning(at_ms=9, owner=OWNER), plan, RecordAnswer(at_ms=9, owner=OWNER)):
        assert decide(planned.pair, late) == ()

    taken = TurnInTheMaking.accepted()
    taken.tell(TakeTurn(at_ms=3, owner=OWNER))
    claim = ClaimTask(at_ms=9, owner=OWNER, task=0, lease_until_ms=10, request_id=RequestId("r"), model="m")
    end = RecordExecution(at_ms=9, owner=OWNER, task=0, attempt=1, status=ExecutionStatus.COMPLETED)
    assert decide(taken.pair, claim) == decide(taken.pair, end) == ()


def test_a_turn_that_has_ended_takes_no_command() -> None:
    made = TurnInTheMaking.accepted()
    made.tell(StopTurn(at_ms=9, why=Reason.CANCELLED))
    assert decide(made.pair, TakeTurn(at_ms=10, owner=OWNER)) == ()


def test_a_message_to_a_busy_session_is_the_next_turn_and_waits() -> None:
    made = TurnInTheMaking.accepted()
    made.pair = Pair(made.pair.session)
    made.apply(accept(made.pair.session, AcceptTurn(at_ms=3, client_message=Digest("c"))))
    assert (made.turn.number, made.pair.session.open, made.pair.session.active) == (2, (1, 2), 1)
