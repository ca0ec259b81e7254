"""How long nothing is tried again after failures in a row. Pure."""

from typing import Final

_FIRST_MS: Final = 1000
"""A token endpoint that restarts is back within seconds; whoever waits for it is told to come back then."""
_LONGEST_MS: Final = 60_000
_DOUBLINGS: Final = 6


def pause_ms(failures: int, draw: float) -> int:
    """Milliseconds of pause: 1 s after the first failure, doubling to a minute, the second half of it at random.

    Args:
        failures: before this one.
        draw: uniform in 0 to 1.
    """
    full = min(_LONGEST_MS, _FIRST_MS << min(failures, _DOUBLINGS))
    return full // 2 + int(draw * (full // 2))
