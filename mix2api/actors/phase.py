"""Where an answer stands, by the words of the upstream."""

from enum import Enum, auto


class Phase(Enum):
    """How far the upstream's own words have brought an answer. Nothing is read once it is not `OPEN` any more."""

    OPEN = auto()
    FINISHED = auto()
    """It ended well."""
    FAILED = auto()
    """It ended otherwise, or the site passed a bound."""
    LOST = auto()
    """The site had lost the session, and the client has seen nothing: the turn may run again."""
