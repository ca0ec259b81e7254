"""What is refused about tools before anything is asked of anybody. Pure."""

from mix2api.tools.ids import check_ids
from mix2api.tools.offer import offer_of
from mix2api.tools.results import check_results
from mix2api.wire.turn import Turn


def check_tools(turn: Turn) -> None:
    """Refuses a choice that cannot be honoured, ids that cannot be ours, and results that do not fit their calls.

    Raises:
        InvalidRequest: what is wrong and where.
    """
    if turn.tool_choice is not None:
        offer_of(turn)
    check_ids(turn.messages)
    check_results(turn.messages)
