"""The only place that reads the machine's clocks."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall and monotonic time; tests bring their own."""

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        ...

    def monotonic_ms(self) -> float:
        """Milliseconds on a clock that never goes back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        """Milliseconds since some moment before this process began."""
        return time.monotonic_ns() / 1e6
