"""Sessions, turns, plans, tasks and executions as the API shows them."""

from conversation_turns import OWNER, TurnInTheMaking, critic, worker
from msgspec.structs import replace

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.content import AnswerWords, PlanWords, SessionWords, TurnWords
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.conversations.views import (
    TurnTexts,
    execution_views,
    message_views,
    plan_view,
    session_view,
    task_stats,
    task_views,
    time_of,
    turn_view,
    whole_plan_view,
)
from mix2api.events.kinds import Usage
from mix2api.vocabulary import Digest

REF = TurnRef(Digest("a" * 32), 1)
WORDS = TurnWords(message="hello")
ANSWER = AnswerWords(text="hi", at_ms=9)


def test_times_are_iso_8601_with_their_zone() -> None:
    assert time_of(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"


def test_a_session_shows_what_its_caller_said_and_how_much_there_is() -> None:
    made = TurnInTheMaking.planned(worker())
    shown = session_view(made.pair.session, SessionWords(session_id="s", user_id="u", title="t"))
    assert (shown["sessionId"], shown["userId"], shown["title"], shown["metaInfo"]) == ("s", "u", "t", None)
    assert (shown["turnCount"], shown["planCount"], shown["openTurnCount"]) == (1, 1, 1)


def test_a_turn_shows_its_plan_and_its_message_once_there_are_any() -> None:
    made = TurnInTheMaking.accepted()
    shown = turn_view(REF, made.turn, made.pair.session, TurnTexts())
    assert (shown["planId"], shown["userMessage"], shown["assistantSummary"], shown["endedAt"]) == (None,) * 4
    made = TurnInTheMaking.planned(worker())
    made.tell(StopTurn(at_ms=9000, why=Reason.CANCELLED))
    shown = turn_view(REF, made.turn, made.pair.session, TurnTexts(WORDS, ANSWER, "why"))
    assert (shown["planId"], shown["userMessage"], shown["assistantSummary"]) == (REF.plan_id, "hello", "hi")
    assert shown["plannerFault"] == "why"
    assert (shown["status"], shown["reason"], shown["endedAt"]) == ("CANCELLED", "cancelled", time_of(9000))


def test_a_turn_has_a_user_s_message_and_perhaps_an_assistant_s() -> None:
    turn = TurnInTheMaking.accepted().turn
    (user,) = message_views(REF, turn, None, None)
    assert (user["role"], user["content"]) == ("user", None)
    user, assistant = message_views(REF, turn, WORDS, ANSWER)
    assert (user["content"], assistant["role"], assistant["content"]) == ("hello", "assistant", "hi")


def test_a_plan_is_shown_with_and_without_its_content() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0))
    assert plan_view(REF, made.plan, None)["taskStats"] == {
        **task_stats(None),
        "total": 2,
        "ready": 1,
        "pending": 1,
    }
    words = PlanWords(graph={"nodes": []}, context={"draftKey": "k"})
    whole = whole_plan_view(REF, made.plan, words)
    assert (whole["draftKey"], whole["globalContext"]) == ("k", {"draftKey": "k"})
    assert whole["routing"] == {"scores": {}, "draftTries": 0}
    strange = PlanWords(graph={}, context={"draftKey": 5})
    assert whole_plan_view(REF, made.plan, strange)["draftKey"] is None


def test_tasks_show_their_claim_while_it_lasts() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0, max_refine=3))
    made.claim(0)
    first, second = task_views(REF, made.plan, ("draft",), made.at_ms)
    assert (first["nodeId"], first["claimOwner"], first["executionAttempt"]) == ("draft", OWNER, 1)
    assert first["leaseUntil"] == time_of(made.at_ms + 100)
    assert (first["maxRefine"], second["maxRefine"], second["target"]) == (3, 3, first["taskId"])
    assert (second["nodeId"], second["claimOwner"], second["leaseUntil"]) == (None, None, None)
    assert second["dependsOn"] == [first["taskId"]]
    made.end(0, ExecutionStatus.FAILED)
    assert task_views(REF, made.plan, (), made.at_ms)[0]["reason"] == "call_failed"


def test_executions_show_their_tokens_and_times_once_they_have_ended() -> None:
    made = TurnInTheMaking.planned(worker())
    made.claim(0)
    (running,) = execution_views(REF, 0, made.task(0))
    assert (running["status"], running["tokenUsage"], running["executionTimeMs"]) == ("RUNNING", None, None)
    made.end(0)
    usage = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    task = made.task(0)
    task = replace(task, executions=(replace(task.executions[0], usage=usage),))
    (ended,) = execution_views(REF, 0, task)
    assert ended["tokenUsage"] == {"promptTokens": 1, "completionTokens": 2, "totalTokens": 3}
    assert (ended["executionTimeMs"], ended["endedAt"]) == (1, time_of(made.at_ms))
