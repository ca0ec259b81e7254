"""One session: its turns as a strip, why each continued or was fresh, and the button that retires it."""

from typing import Any, Final

from attrs import define

from mix2api.events.codec import UnreadableEvent
from mix2api.identity import is_session_id, shard_of
from mix2api.projections.session_turns import SessionTurns
from mix2api.store.store import Store
from mix2api.vocabulary import SUCCESSES, Retirement, SessionId

TURNS: Final = 200
"""Turns that a page lists: the latest."""
DONE: Final = frozenset({Retirement.RETIRED, Retirement.ALREADY, Retirement.UNREADABLE})
"""What is good news: the session will not be continued."""


@define(eq=False)
class SessionPage:
    """Makes what its template shows.

    Args:
        store: which has the sessions.
    """

    _store: Store

    async def values(self, word: str) -> dict[str, Any] | None:
        """The page of a session id. None: nothing is known of it.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if not is_session_id(word):
            return None
        turns, unreadable = await self._turns(SessionId(word))
        if not turns.turns and not unreadable and turns.retired_why is None:
            return None
        return {
            "session": word,
            "shard": f"s{shard_of(SessionId(word)):02x}",
            "turns": turns.turns[-TURNS:],
            "older": max(0, len(turns.turns) - TURNS),
            "retired_why": turns.retired_why,
            "gaps": turns.gaps,
            "unreadable": unreadable,
            "good": {reason.value for reason in SUCCESSES},
        }

    async def _turns(self, session_id: SessionId) -> tuple[SessionTurns, int]:
        """The turns, and how many entries cannot be read."""
        turns, unreadable, after = SessionTurns(), 0, ""
        while True:
            try:
                async for recorded in self._store.log.records(session_id, after):
                    after = recorded.position
                    turns.add(recorded.event)
            except UnreadableEvent as fault:
                unreadable += 1
                if not fault.position:
                    return turns, unreadable
                after = fault.position
            else:
                return turns, unreadable
