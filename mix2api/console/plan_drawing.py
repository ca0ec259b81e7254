"""A plan's graph as SVG: tasks in columns, each to the right of all that it waits for. Pure, and complete without script.

The picture has its own size in pixels, and the page scrolls it: text in a picture that shrinks cannot be read on a phone.
"""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from markupsafe import Markup, escape

from mix2api.conversations.state import Plan, Task

_WIDE: Final = 168
_HIGH: Final = 48
_GAP_X: Final = 56
"""Between columns: room for a curve that can be followed with the eye."""
_GAP_Y: Final = 16
_EDGE: Final = 4
"""Around the picture: half of the focus ring."""
_NAME: Final = 20
"""Characters of a name that fit into a box. The whole name stands in the title."""


@frozen
class Box:
    """Where a task stands, in pixels from the upper left corner."""

    x: int
    y: int


@frozen
class Layout:
    """Where all tasks of a plan stand."""

    boxes: tuple[Box, ...]
    """In the order of the tasks."""
    width: int
    height: int


def laid_out(plan: Plan) -> Layout:
    """The places of the tasks. A column's tasks stand in their order, in the middle of the picture's height."""
    graph, columns = plan.graph, [0] * len(plan.tasks)
    for name in graph.order:
        columns[int(name)] = 1 + max(
            (columns[int(before)] for before in graph.dependencies[name]), default=-1
        )
    counts = [columns.count(column) for column in range(max(columns, default=-1) + 1)]
    most, rows = max(counts, default=0), [0] * len(counts)
    boxes = []
    for column in columns:
        free = (most - counts[column]) * (_HIGH + _GAP_Y) // 2
        top = _EDGE + free + rows[column] * (_HIGH + _GAP_Y)
        boxes.append(Box(_EDGE + column * (_WIDE + _GAP_X), top))
        rows[column] += 1
    return Layout(tuple(boxes), _extent(len(counts), _WIDE, _GAP_X), _extent(most, _HIGH, _GAP_Y))


def drawn(
    plan: Plan, names: Sequence[str], link: Callable[[int], str], title: str, stage_of: Callable[[Task], str]
) -> Markup:
    """The picture.

    Args:
        plan: whose tasks are drawn.
        names: of the tasks, in their order; a task without one is called by its number.
        link: the page that a task's box leads to.
        title: read out in place of the picture.
        stage_of: the name of a task's stage, in the reader's language.
    """
    layout = laid_out(plan)
    parts = [
        _line(layout.boxes[before], layout.boxes[after], is_judged=task.target is not None)
        for after, task in enumerate(plan.tasks)
        for before in task.depends
    ]
    for number, task in enumerate(plan.tasks):
        name = names[number] if number < len(names) else str(number)
        box, stage = layout.boxes[number], stage_of(task)
        short = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
        parts.append(
            Markup(
                '<a href="{}" aria-label="{}: {}"><rect class="s-{}" x="{}" y="{}" width="{}" height="{}" rx="6"/>'
                '<text x="{}" y="{}">{}</text><text class="stage" x="{}" y="{}">{}, {}</text><title>{}</title></a>'
            ).format(
                *(link(number), name, stage, task.stage.value.lower(), box.x, box.y, _WIDE, _HIGH),
                *(box.x + 10, box.y + 20, short, box.x + 10, box.y + 38, task.type.value, stage, name),
            )
        )
    return Markup(
        '<svg class="graph" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="group" aria-label="{2}">'
    ).format(layout.width, layout.height, escape(title)) + Markup("{}</svg>").format(Markup("").join(parts))


def _line(before: Box, after: Box, *, is_judged: bool) -> Markup:
    """From a task to one that waits for it; the line to a CRITIC is another one."""
    x1, y1, x2, y2 = before.x + _WIDE, before.y + _HIGH // 2, after.x, after.y + _HIGH // 2
    bend = _GAP_X // 2
    return Markup('<path class="{}" d="M{} {}C{} {} {} {} {} {}"/>').format(
        "edge judged" if is_judged else "edge", x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2
    )


def _extent(count: int, size: int, gap: int) -> int:
    return 2 * _EDGE + max(0, count * (size + gap) - gap)
