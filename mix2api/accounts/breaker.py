"""The circuit breaker of one account in one process: how many of its last calls failed. Pure."""

from collections import deque
from typing import Final

from attrs import define, field

_CALLS: Final = 20
"""Calls that are remembered. Fewer judge by chance, more see a dead account late."""
_FEWEST: Final = 5
"""Failures that open the breaker at least: one bad minute of an idle account is no trend."""
_SHARE: Final = 0.5


@define(eq=False)
class Breaker:
    """A rolling share of failures."""

    _failed: deque[bool] = field(factory=lambda: deque(maxlen=_CALLS), init=False)

    def succeeded(self) -> None:
        """A call ended well."""
        self._failed.append(False)

    def failed(self) -> bool:
        """A call failed; gives whether the breaker opens. It then begins to count anew."""
        self._failed.append(True)
        failures = sum(self._failed)
        opens = failures >= _FEWEST and failures >= _SHARE * len(self._failed)
        if opens:
            self._failed.clear()
        return opens
