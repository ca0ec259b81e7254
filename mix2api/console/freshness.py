"""Readings that pages share: one of them asks the store, the others get what it got. While the store is away the last one stands."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

import trio
from attrs import define, field

from mix2api.errors import StoreUnavailable

_Value = TypeVar("_Value")


@define(eq=False)
class SharedReading(Generic[_Value]):
    """One thing that is read from the store.

    Args:
        read: reads it.
        good_for_s: how long a reading is given out before the next is made.
    """

    _read: Callable[[], Awaitable[_Value]]
    _good_for_s: float
    _last: _Value | None = field(default=None, init=False)
    _asked_at: float | None = field(default=None, init=False)
    """When the store was last asked, whether it answered or not. None: it was not."""
    _lock: trio.Lock = field(factory=trio.Lock, init=False)

    async def value(self) -> _Value | None:
        """The reading, at most so old; the last one while the store does not answer. None: there was never one.

        A failure is shared as a reading is: who comes within `good_for_s` after it does not wait for the store again.
        """
        async with self._lock:
            if self._asked_at is None or trio.current_time() - self._asked_at >= self._good_for_s:
                with suppress(StoreUnavailable):  # the page says that the figures are old
                    self._last = await self._read()
                self._asked_at = trio.current_time()
            return self._last
