"""The longest silence between two pieces of one answer."""


class GapMeter:
    """One run's. A piece is what one read of the site's socket brought for the client."""

    __slots__ = ("_last_ms", "longest_ms")

    def __init__(self) -> None:
        self._last_ms: int | None = None
        self.longest_ms: int | None = None
        """None: there were no two pieces."""

    def piece(self, at_ms: int) -> None:
        """A piece was passed on, so many milliseconds after the run began."""
        if self._last_ms is not None:
            self.longest_ms = max(self.longest_ms or 0, at_ms - self._last_ms)
        self._last_ms = at_ms
