"""What an upstream session is to be sent of a turn. Content lives here: it goes to the upstream only."""

from attrs import frozen

from mix2api.wire.turn import Message


@frozen
class Unseen:
    """What an upstream session is to be sent."""

    messages: list[Message]
    withheld: int = 0
    """Messages of the turn that it will not get, or not whole."""
    other_realm: bool = False
    """The turn is of another realm than its session's turn before: a name may lead anywhere."""
