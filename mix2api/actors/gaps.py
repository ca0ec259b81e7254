"""The longest silence between two pieces of one answer."""


class GapMeter:
    """One run's. A piece is what one read of the site's socket brought for the client."""

    __slots__ = ("_last_ms", "longest_ms")

    def __init__(self) -> None:
        self._last_ms: float | None = None
        self.longest_ms: int | None = None
        """None: there were no two pieces."""

    def piece(self, at_ms: float) -> None:
        """A piece was passed on at that moment, on the monotonic clock."""
        if self._last_ms is not None:
            self.longest_ms = max(self.longest_ms or 0, int(at_ms - self._last_ms))
        self._last_ms = at_ms
