"""Plans, tasks and executions, and the overview of a session that a page needs."""

from collections.abc import Sequence

from attrs import frozen

from mix2api.conversations.content import SESSION, plan_field
from mix2api.conversations.ids import TurnRef, read_task
from mix2api.conversations.state import Plan
from mix2api.conversations.views import (
    View,
    execution_views,
    plan_view,
    session_view,
    task_stats,
    task_views,
    whole_plan_view,
)
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked, Route, unknown
from mix2api.store.conversation_words import node_names, plan_words, session_words
from mix2api.store.looked_conversation import Looked
from mix2api.vocabulary import Digest

_LAST: int = 999_999_999


@frozen
class PlanRoutes:
    """The handlers."""

    _desk: Desk

    def routes(self) -> tuple[Route, ...]:
        """The routes."""
        return (
            Route("GET", "/api/sessions/{sessionId}/plans", self.plans),
            Route("GET", "/api/sessions/{sessionId}/overview", self.overview),
            Route("GET", "/api/plans/{planId}", self.plan),
            Route("GET", "/api/plans/{planId}/tasks", self.tasks),
            Route("GET", "/api/tasks/{taskId}/executions", self.executions),
        )

    async def plans(self, asked: Asked) -> Answer:
        """The plans of a session, the newest first.

        Raises:
            NotFound: the caller has no such session.
            InvalidRequest: a parameter is wrong.
        """
        conversation, looked = await self._page(asked)
        shown = [_shown(conversation, turn, looked) for turn in reversed(looked.plans)]
        return Answer({"plans": shown, "planCount": looked.session.plans, "nextCursor": _cursor(looked)})

    async def overview(self, asked: Asked) -> Answer:
        """The session, its newest plans, and the tasks of the plan that changed last; empty lists and zeros without plans.

        Raises:
            NotFound: the caller has no such session.
            InvalidRequest: a parameter is wrong.
        """
        conversation, looked = await self._page(asked)
        plans = {turn: _plan(looked, turn) for turn in looked.plans}
        latest = max(plans, key=lambda turn: (plans[turn].updated_ms, turn), default=None)
        tasks: Sequence[View] = ()
        if latest is not None:
            names = node_names(plan_words(looked, latest))
            ref, now_ms = TurnRef(conversation, latest), self._desk.clock.now_ms()
            tasks = task_views(ref, plans[latest], names, now_ms)
        return Answer(
            {
                "session": session_view(looked.session, session_words(looked)),
                "plans": [_shown(conversation, turn, looked) for turn in reversed(looked.plans)],
                "planCount": looked.session.plans,
                "nextCursor": _cursor(looked),
                "latestPlan": None if latest is None else _shown(conversation, latest, looked),
                "latestPlanId": None if latest is None else TurnRef(conversation, latest).plan_id,
                "latestPlanTaskStats": task_stats(None if latest is None else plans[latest]),
                "latestPlanTasks": tasks,
            }
        )

    async def plan(self, asked: Asked) -> Answer:
        """One plan, with its graph and its context.

        Raises:
            NotFound: the caller has no such plan.
        """
        ref, looked = await self._desk.turn(asked, "plan", lambda turn: [plan_field(turn)])
        return Answer(whole_plan_view(ref, _plan(looked, ref.number), plan_words(looked, ref.number)))

    async def tasks(self, asked: Asked) -> Answer:
        """The tasks of a plan, in the order of its graph.

        Raises:
            NotFound: the caller has no such plan.
        """
        ref, looked = await self._desk.turn(asked, "plan", lambda turn: [plan_field(turn)])
        names = node_names(plan_words(looked, ref.number))
        plan, now_ms = _plan(looked, ref.number), self._desk.clock.now_ms()
        return Answer({"tasks": task_views(ref, plan, names, now_ms), "taskStats": task_stats(plan)})

    async def executions(self, asked: Asked) -> Answer:
        """The executions of a task, in the order of their attempts.

        Raises:
            NotFound: the caller has no such task.
        """
        found = read_task(asked.path["taskId"])
        if found is None:
            raise unknown("task", "taskId")
        ref, number = found
        plan = _plan(await self._desk.owned(asked.caller, ref, "task"), ref.number)
        if number >= len(plan.tasks):
            raise unknown("task", "taskId")
        return Answer({"executions": execution_views(ref, number, plan.tasks[number])})

    async def _page(self, asked: Asked) -> tuple[Digest, Looked]:
        """The session, and the plans of a page with their content: two round trips at any length of history."""
        limit, before = asked.page_size(), asked.number("cursor", 0, 1, _LAST)
        # Positions from the end: the newest page needs no count. Older ones end before the plan of that number.
        last = before - 2 if before else -1
        first = max(0, last - limit + 1) if before else -limit
        plans = (1, 0) if before == 1 else (first, last)
        conversation, looked = await self._desk.session(asked, fields=[SESSION], plans=plans)
        if not looked.plans:
            return conversation, looked
        fields = [SESSION, *(plan_field(turn) for turn in looked.plans)]
        after = await self._desk.store.look(conversation, looked.plans, fields)
        there = tuple(
            turn for turn in looked.plans if turn in after.turns and after.turns[turn].plan is not None
        )
        return conversation, Looked(
            session=after.session, turns=after.turns, content=after.content, plans=there
        )


def _plan(looked: Looked, turn: int) -> Plan:
    plan = looked.turns[turn].plan
    assert plan is not None  # noqa: S101 - by the look-up that found it
    return plan


def _shown(conversation: Digest, turn: int, looked: Looked) -> View:
    key = plan_words(looked, turn).context.get("draftKey")
    return plan_view(TurnRef(conversation, turn), _plan(looked, turn), key if isinstance(key, str) else None)


def _cursor(looked: Looked) -> str | None:
    """The parameter of the next page: the number of this one's oldest plan; None after the first plan."""
    oldest = _plan(looked, looked.plans[0]).number if looked.plans else 1
    return str(oldest) if oldest > 1 else None
