"""What users ask the demo site for beside their words, and what may be expected of such a turn."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from invariant.sayings import Saying


class Kind(StrEnum):
    """How a turn goes."""

    GOOD = "good"
    """Answered; the site keeps what the user gets."""
    UNFAITHFUL = "unfaithful"
    """Answered, but the site keeps something else than the user gets."""
    REFUSED = "refused"
    """The site does not take the turn."""
    BROKEN = "broken"
    """The site takes the turn and fails."""
    LEFT = "left"
    """The user goes away in the middle of the answer."""


LOOK: Final = '[[tools:look{"x":1.0,"deep":{"b":2,"a":[1]}}]]'
WISHES: Final[dict[str, Kind]] = {
    "": Kind.GOOD,
    "[[say:ok]]": Kind.GOOD,
    "[[say:I see.]][[reasoning:let me see]]": Kind.GOOD,
    "[[chunks:3]][[unicode]]": Kind.GOOD,
    "[[say:cut short]][[length]]": Kind.GOOD,
    "[[say:ok]][[no_exchange]]": Kind.GOOD,
    "[[say:ok]][[no_session]]": Kind.GOOD,
    "[[ids_late:middle]]": Kind.GOOD,
    "[[ids_late:finish]][[say:late]]": Kind.GOOD,
    "[[no_ids]][[say:who]]": Kind.GOOD,
    "[[json]][[say:whole]]": Kind.GOOD,
    "[[json:parts]]": Kind.GOOD,
    "[[unknown_frames]]": Kind.GOOD,
    "[[say:I look.]]" + LOOK: Kind.GOOD,
    LOOK: Kind.GOOD,
    '[[tools_interleaved:look{"x":2};read{"path":"/p"}]]': Kind.GOOD,
    "[[say:two at once]]" + '[[tools_whole:read{};look{"y":"é"}]]': Kind.GOOD,
    "[[say:gone]][[forget]]": Kind.GOOD,
    "[[say:swapped]][[swap]]": Kind.GOOD,
    "[[say:x]][[server_tool]]": Kind.UNFAITHFUL,
    "[[say:x]][[content_filter]]": Kind.UNFAITHFUL,
    "[[say:x]][[bad_tool:look]]": Kind.UNFAITHFUL,
    "[[say:x]][[tools:nobody_offered{}]]": Kind.UNFAITHFUL,
    "[[say:]]": Kind.UNFAITHFUL,
    "[[429:1]]": Kind.REFUSED,
    "[[status:503]]": Kind.REFUSED,
    "[[status:403]]": Kind.REFUSED,
    "[[status:500]]": Kind.BROKEN,
    "[[error_before]]": Kind.BROKEN,
    "[[error_mid:no]]": Kind.BROKEN,
    "[[error_frame_no_finish]]": Kind.BROKEN,
    "[[abort]]": Kind.BROKEN,
    "[[cut]]": Kind.BROKEN,
    "[[cut_mid_frame:reset]]": Kind.BROKEN,
    "[[bad_json]]": Kind.BROKEN,
    "[[json_error]]": Kind.BROKEN,
    "[[html]]": Kind.BROKEN,
    "[[garbage]]": Kind.BROKEN,
    "[[chunks:6]][[silence:3600000]]": Kind.LEFT,
}
STREAMED: Final = frozenset({Kind.UNFAITHFUL, Kind.LEFT})
"""Asked for as a stream: the site's whole answers tell of none of this."""
ONCE: Final = frozenset({Kind.REFUSED, Kind.BROKEN})
"""Fails the first time only, so that a retry of the very same request is answered."""


def kind_of(history: Sequence[Saying], *, with_tools: bool) -> Kind:
    """How the next turn of this history goes: the newest user text decides."""
    for saying in reversed(history):
        if saying.role == "user":
            asked = saying.text[saying.text.find("[[") :] if "[[" in saying.text else ""
            if "[[tools" in asked and not with_tools:
                return Kind.UNFAITHFUL  # the site calls tools that this request does not offer
            return WISHES[asked.partition("[[once:")[0]]
    return Kind.GOOD
