"""The rows of one session's log (`mix2api.projections.timeline`), read on from where the reader stands."""

from collections.abc import AsyncIterator
from typing import Final

from attrs import define, field

from mix2api.events.codec import UnreadableEvent
from mix2api.projections.timeline import Cursor, Row, apply, apply_unreadable, initial
from mix2api.store.finding import Found
from mix2api.store.store import Store

_NOWHERE: Final = "0-0"
"""The place of what has none."""


@define
class SessionRows:
    """A reader of one session's log.

    Args:
        store: which has the log.
        found: the session, and the run that is wanted. Without a run all rows are.
    """

    store: Store
    found: Found
    _position: str = field(default="", init=False)
    _cursor: Cursor = field(factory=initial, init=False)
    _damaged: bool = field(default=False, init=False)
    """No log stands in the log's key: there is nothing to read on in."""

    @property
    def seen(self) -> bool:
        """Whether the log has anything at all."""
        return bool(self._position) or self._damaged

    async def rows(self) -> AsyncIterator[Row]:
        """The rows that are there now and were not given yet.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        unreadable = not self._damaged
        while unreadable:
            unreadable = False
            try:
                async for recorded in self.store.log.records(self.found.session_id, self._position):
                    self._position = recorded.position
                    self._cursor, row = apply(self._cursor, recorded)
                    if self._is_wanted(row):
                        yield row
            except UnreadableEvent as fault:
                unreadable, self._damaged = bool(fault.position), not fault.position
                self._position = fault.position or self._position
                self._cursor, row = apply_unreadable(self._cursor, fault.why, self._position or _NOWHERE)
                yield row

    def _is_wanted(self, row: Row) -> bool:
        return self.found.run_id is None or row.run_id in {None, self.found.run_id}
