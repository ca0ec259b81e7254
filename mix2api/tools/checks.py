"""What is refused about tools before anything is asked of anybody. Pure."""

from typing import Final

from mix2api.steps import Steps, at_once
from mix2api.tools.ids import check_ids
from mix2api.tools.results import check_results
from mix2api.wire.turn import Turn

_LONG: Final = 500
"""Messages that are checked in one step, at about 4 µs each."""


def check_tools(turn: Turn) -> None:
    """Refuses ids that cannot be ours, and results that do not fit their calls.

    A choice that cannot be honoured is refused by `mix2api.tools.offer.offer_of`.

    Raises:
        InvalidRequest: what is wrong and where.
    """
    at_once(tool_check_steps(turn))


def tool_check_steps(turn: Turn) -> Steps[None]:
    """The same in steps; a usual turn is one (`mix2api.steps`)."""
    is_long = len(turn.messages) > _LONG
    check_ids(turn.messages)
    if is_long:
        yield
    check_results(turn.messages)
