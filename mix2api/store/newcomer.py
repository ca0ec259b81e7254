"""A turn for which no slot is free where it came, as it looks for a better place (ADR 118)."""

from attrs import frozen

from mix2api.vocabulary import Digest


@frozen(kw_only=True)
class Newcomer:
    """What decides where it waits."""

    caller: Digest
    slots: int
    """That its caller holds in the whole deployment."""
    is_next: bool
    """Whether the next slot that becomes free here would be its own: nobody who waits here holds as few slots as its caller."""
    queue_is_full: bool
    """Whether it could only wait here if another turn gave way."""
