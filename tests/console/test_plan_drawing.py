"""A plan's picture as text: places, lines, and that names are text."""

from xml.etree import ElementTree as ET

import pytest
from conversation_turns import TurnInTheMaking, critic, worker

from mix2api.console.plan_drawing import drawn, laid_out
from mix2api.conversations.state import Task


def link(task: int) -> str:
    return f"/conversation?id=x&task={task}"


def named(task: Task) -> str:
    """The name of a task's stage, plainly."""
    return task.stage.value.lower()


def test_each_task_stands_to_the_right_of_all_that_it_waits_for() -> None:
    plan = TurnInTheMaking.planned(worker(), worker(), critic(0), worker(0, 1), worker(3)).plan
    places = laid_out(plan).boxes
    assert all(
        places[before].x < places[number].x
        for number, task in enumerate(plan.tasks)
        for before in task.depends
    )
    assert len({(place.x, place.y) for place in places}) == 5


@pytest.mark.parametrize("wide", [True, False])
def test_the_largest_plan_lies_within_its_picture(wide: bool) -> None:  # noqa: FBT001 - a parameter of the test
    tasks = [worker(*() if wide or not number else (number - 1,)) for number in range(50)]
    layout = laid_out(TurnInTheMaking.planned(*tasks).plan)
    assert all(0 < box.x < layout.width and 0 < box.y < layout.height for box in layout.boxes)
    assert len(set(layout.boxes)) == 50


def test_a_task_is_a_link_with_its_name_and_its_state() -> None:
    made = TurnInTheMaking.planned(worker(), critic(0), worker(0))
    made.claim(0)
    tree = ET.fromstring(drawn(made.plan, ["write", "review"], link, "A & B", named))  # noqa: S314 - our own text
    boxes = [(a.get("href"), a.get("aria-label"), a[0].get("class")) for a in tree.iter("a")]
    assert boxes == [
        (link(0), "write: running", "s-running"),
        (link(1), "review: pending", "s-pending"),
        (link(2), "2: pending", "s-pending"),
    ]
    assert [path.get("class") for path in tree.iter("path")] == ["edge judged", "edge"]
    assert tree.get("aria-label") == "A & B"


def test_a_name_is_text_and_a_long_one_stands_whole_in_the_title() -> None:
    name = "<b>" + "x" * 60
    picture = drawn(TurnInTheMaking.planned(worker()).plan, [name], link, "", named)
    tree = ET.fromstring(picture)  # noqa: S314 - our own text
    assert [title.text for title in tree.iter("title")] == [name]
    assert next(tree.iter("text")).text == f"{name[:19]}…"
