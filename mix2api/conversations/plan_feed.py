"""The events of one turn as a follower of its plan is told them. Pure.

Events are numbered within their turn, from 1: an event's number is the version of the turn's state after it. So a follower
that has a state of version 7 goes on with event 8.
"""

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from mix2api.conversations.events import (
    KIND_OF,
    ConversationEvent,
    ExecutionEnded,
    SessionCreated,
    TaskClaimed,
    TaskMoved,
)
from mix2api.conversations.evolve import Pair, evolve
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.state import Session, Turn
from mix2api.conversations.views import execution_views, plan_view, task_views, time_of

BASELINE = "baseline"


@frozen
class Told:
    """One event of the feed."""

    number: int
    name: str
    """`baseline`, or the kind of the log's event."""
    data: dict[str, Any] = field(repr=False)
    is_last: bool
    """The turn has ended: nothing follows."""


@define
class PlanFeed:
    """The feed of one plan.

    Args:
        turn: whose plan it is.
        names: ids of the graph's nodes, in the order of the tasks.
        told: number of the last event that the follower has.
    """

    _turn: TurnRef
    _names: Sequence[str]
    _told: int
    _pair: Pair = field(init=False)

    @_pair.default
    def _before(self) -> Pair:
        """The session before the turn, as far as the turn's own events need it."""
        return Pair(Session(version=1, turns=self._turn.number - 1))

    def baseline(self, state: Turn, now_ms: int) -> Told:
        """The plan as it stands: the first event for a follower who has nothing. Earlier events are not told then.

        Args:
            state: of the turn; it has a plan.
            now_ms: Unix milliseconds.
        """
        self._told = state.version
        data = {**self._places(state), "at": time_of(state.updated_ms)}
        if state.plan is not None:
            data["plan"] = plan_view(self._turn, state.plan, None)
            data["tasks"] = task_views(self._turn, state.plan, self._names, now_ms)
        return Told(state.version, BASELINE, data, state.has_ended)

    def take(self, event: ConversationEvent, now_ms: int) -> Told | None:
        """One more event of the log; None if it is another turn's, or the follower has it.

        Raises:
            mix2api.conversations.evolve.IllegalEvent: the log is damaged.
        """
        if isinstance(event, SessionCreated) or event.turn != self._turn.number:
            return None
        self._pair = evolve(self._pair, event)
        state = self._pair.turn
        if state is None or state.version <= self._told:
            return None
        self._told = state.version
        data = {**self._places(state), "at": time_of(event.at_ms)}
        if isinstance(event, TaskMoved | TaskClaimed | ExecutionEnded) and state.plan is not None:
            data["task"] = task_views(self._turn, state.plan, self._names, now_ms)[event.task]
            if not isinstance(event, TaskMoved):
                executed = execution_views(self._turn, event.task, state.plan.tasks[event.task])
                data["execution"] = executed[event.attempt - 1]
        return Told(state.version, KIND_OF[type(event)], data, state.has_ended)

    def _places(self, state: Turn) -> dict[str, Any]:
        return {
            "turnId": self._turn.turn_id,
            "planId": self._turn.plan_id,
            "turnStatus": state.stage.value,
            "planStatus": None if state.plan is None else state.plan.stage.value,
        }
