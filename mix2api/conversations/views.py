"""Sessions, turns, plans, tasks and executions as the API shows them: camelCase, times in ISO 8601 with zone. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from mix2api.conversations.content import AnswerWords, PlanWords, SessionWords, TurnWords
from mix2api.conversations.display import task_name, turn_name
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.state import Execution, Plan, Session, Task, Turn
from mix2api.conversations.states import TaskStage

View = dict[str, Any]


def time_of(at_ms: int) -> str:
    """A moment, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session_view(session: Session, words: SessionWords) -> View:
    """A session."""
    return {
        "sessionId": words.session_id,
        "userId": words.user_id,
        "title": words.title,
        "metaInfo": words.meta_info,
        "turnCount": session.turns,
        "planCount": session.plans,
        "openTurnCount": len(session.open),
        "createdAt": time_of(session.created_ms),
        "updatedAt": time_of(session.updated_ms),
    }


def unreadable_session_view(noted_ms: int, words: SessionWords | None) -> View:
    """A session that is damaged.

    Args:
        noted_ms: when it was begun.
        words: what its caller says of it. None: that is damaged, too.
    """
    return {
        "sessionId": None if words is None else words.session_id,
        "title": None if words is None else words.title,
        "createdAt": time_of(noted_ms),
    }


@frozen
class TurnTexts:
    """The content of a turn, as far as there is any."""

    words: TurnWords | None = field(default=None, repr=False)
    answer: AnswerWords | None = field(default=None, repr=False)
    fault: str | None = field(default=None, repr=False)
    """Why the planner failed."""


def turn_view(ref: TurnRef, turn: Turn, session: Session, texts: TurnTexts) -> View:
    """A turn. `assistantSummary` is the text of its assistant message, null until there is one."""
    words, answer = texts.words, texts.answer
    return {
        "turnId": ref.turn_id,
        "planId": None if turn.plan is None else ref.plan_id,
        "status": turn.stage.value,
        "displayName": turn_name(turn, session.active),
        "reason": None if turn.why is None else turn.why.value,
        "plannerFault": texts.fault,
        "userMessage": None if words is None else words.message,
        "assistantSummary": None if answer is None else answer.text,
        "createdAt": time_of(turn.created_ms),
        "updatedAt": time_of(turn.updated_ms),
        "endedAt": time_of(turn.updated_ms) if turn.has_ended else None,
    }


def message_views(
    ref: TurnRef, turn: Turn, words: TurnWords | None, answer: AnswerWords | None
) -> list[View]:
    """The messages of a turn: the user's, and the assistant's once there is one."""
    said = [
        ("user", None if words is None else words.message, turn.created_ms),
        *([] if answer is None else [("assistant", answer.text, answer.at_ms)]),
    ]
    return [
        {
            "messageId": ref.message_id(role),
            "turnId": ref.turn_id,
            "role": role,
            "content": text,
            "createdAt": time_of(at_ms),
        }
        for role, text, at_ms in said
    ]


def task_stats(plan: Plan | None) -> View:
    """How many tasks there are, and how many of each status."""
    counts = Counter(task.stage for task in (() if plan is None else plan.tasks))
    return {"total": counts.total(), **{stage.value.lower(): counts[stage] for stage in TaskStage}}


def plan_view(ref: TurnRef, plan: Plan, draft_key: str | None) -> View:
    """A plan as lists show it."""
    return {
        "planId": ref.plan_id,
        "turnId": ref.turn_id,
        "status": plan.stage.value,
        "routeType": plan.route.route_type,
        "sourceType": plan.route.source_type,
        "workflowDraftId": plan.route.draft_id,
        "draftKey": draft_key,
        "workflowDefinitionId": plan.route.definition_id,
        "workflowDefinitionVersion": plan.route.definition_version,
        "taskStats": task_stats(plan),
        "createdAt": time_of(plan.created_ms),
        "updatedAt": time_of(plan.updated_ms),
    }


def whole_plan_view(ref: TurnRef, plan: Plan, words: PlanWords) -> View:
    """A plan with its graph, its context and how it was routed."""
    key = words.context.get("draftKey")
    return {
        **plan_view(ref, plan, key if isinstance(key, str) else None),
        "graph": words.graph,
        "globalContext": words.context,
        "routing": {"scores": plan.route.scores or {}, "draftTries": plan.route.tries},
    }


def task_views(ref: TurnRef, plan: Plan, names: Sequence[str], now_ms: int) -> list[View]:
    """The tasks of a plan, in the order of its graph."""
    return [_task_view(ref, plan, number, names, now_ms) for number in range(len(plan.tasks))]


def _task_view(ref: TurnRef, plan: Plan, number: int, names: Sequence[str], now_ms: int) -> View:
    task = plan.tasks[number]
    running = task.running
    return {
        "taskId": ref.task_id(number),
        "planId": ref.plan_id,
        "nodeId": names[number] if number < len(names) else None,
        "type": task.type.value,
        "agentKey": task.agent_key,
        "dependsOn": [ref.task_id(before) for before in task.depends],
        "target": None if task.target is None else ref.task_id(task.target),
        "status": task.stage.value,
        "displayName": task_name(task, now_ms),
        "reason": None if task.why is None else task.why.value,
        "claimOwner": None if running is None else running.owner,
        "leaseUntil": None if running is None else time_of(running.lease_until_ms),
        "executionAttempt": task.attempt,
        "refineCount": task.refinements,
        "maxRefine": _max_refine(plan, number),
        "createdAt": time_of(task.created_ms),
        "updatedAt": time_of(task.updated_ms),
    }


def _max_refine(plan: Plan, number: int) -> int:
    """How often a CRITIC may send its target back; shown at both."""
    critic = plan.critic_of(number)
    return plan.tasks[number if critic is None else critic].max_refine


def execution_views(ref: TurnRef, number: int, task: Task) -> list[View]:
    """The executions of a task, in the order of their attempts."""
    return [_execution_view(ref.task_id(number), execution) for execution in task.executions]


def _execution_view(task_id: str, execution: Execution) -> View:
    usage, ended_ms = execution.usage, execution.ended_ms
    return {
        "executionId": f"{task_id}_{execution.attempt}",
        "taskId": task_id,
        "attempt": execution.attempt,
        "status": execution.status.value,
        "modelName": execution.model,
        "tokenUsage": None
        if usage is None
        else {
            "promptTokens": usage.prompt_tokens,
            "completionTokens": usage.completion_tokens,
            "totalTokens": usage.total_tokens,
        },
        "errorType": execution.error_type,
        "executionTimeMs": None if ended_ms is None else ended_ms - execution.started_ms,
        "requestId": execution.request_id,
        "runId": execution.run_id,
        "owner": execution.owner,
        "startedAt": time_of(execution.started_ms),
        "endedAt": None if ended_ms is None else time_of(ended_ms),
    }
