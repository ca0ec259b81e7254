"""The three tables."""

import pytest

from mix2api.conversations.states import (
    PLAN_ENDS,
    PLANS,
    TASK_ENDS,
    TASKS,
    TURN_ENDS,
    TURNS,
    PlanStage,
    TaskStage,
    TurnStage,
)

TABLES = [(TURNS, TurnStage, TURN_ENDS), (PLANS, PlanStage, PLAN_ENDS), (TASKS, TaskStage, TASK_ENDS)]


@pytest.mark.parametrize(("table", "stages", "ends"), TABLES)
def test_an_end_is_left_never_and_every_other_stage_can_be(
    table: dict, stages: type, ends: frozenset
) -> None:  # type: ignore[type-arg]
    left = {stage for stage, _ in table}
    assert left == set(stages) - ends


@pytest.mark.parametrize(("table", "stages", "ends"), TABLES)
def test_every_stage_is_reached_from_the_first_one(table: dict, stages: type, ends: frozenset) -> None:  # type: ignore[type-arg]
    reached = [next(iter(stages))]  # type: ignore[call-overload]
    for stage in reached:
        reached += {after for (start, _), after in table.items() if start is stage} - set(reached)
    assert set(reached) == set(stages) | ends
