"""Readings that pages share: one of them asks the store, the others get what it got. While the store is away the last one stands."""

from collections.abc import Awaitable, Callable
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
    _read_at: float = field(default=0.0, init=False)
    _lock: trio.Lock = field(factory=trio.Lock, init=False)

    async def value(self) -> _Value | None:
        """The reading, at most so old; the last one while the store does not answer. None: there was never one."""
        async with self._lock:
            if self._last is None or trio.current_time() - self._read_at >= self._good_for_s:
                try:
                    self._last = await self._read()
                    self._read_at = trio.current_time()
                except StoreUnavailable:
                    pass  # the page says that the figures are old
            return self._last
