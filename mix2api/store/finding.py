"""From what a user has in hand (a session id, a run id, a request id) to the session whose log tells of it."""

from contextlib import aclosing
from typing import Final

from attrs import frozen

from mix2api.clock import Clock
from mix2api.identity import is_session_id
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.store import Store
from mix2api.vocabulary import RunId, SessionId

_RUN_PREFIX: Final = "run_"
_TIME_DIGITS: Final = 12
"""Of a run id: hex milliseconds of its acceptance (`mix2api.identity`)."""
_SLACK_MS: Final = 60_000
"""Clocks of processes and of the store may differ by so much, and a run's entry is still found."""


@frozen(kw_only=True)
class Found:
    """Where to look."""

    session_id: SessionId
    run_id: RunId | None = None
    """The run that was meant; None: the whole session."""
    others: tuple[RunId, ...] = ()
    """Earlier runs with the same request id, oldest first."""


async def find(store: Store, word: str, clock: Clock) -> Found | None:
    """What a word means: a session id, else a run id, else a request id. None if nothing is known of it.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    session_id = _session_id(word)
    if session_id is not None:
        return Found(session_id=session_id)
    if _began_ms(word) is not None:
        session_id = await _session_of_run(store, RunId(word), clock)
        if session_id is not None:
            return Found(session_id=session_id, run_id=RunId(word))
    runs = await store.log.runs_of_request(store.seal.digest(word, "request_id"))
    if not runs:
        return None
    *earlier, (run_id, session_id) = runs
    return Found(session_id=session_id, run_id=run_id, others=tuple(run for run, _ in earlier))


def _session_id(word: str) -> SessionId | None:
    return SessionId(word) if is_session_id(word) else None


def _began_ms(word: str) -> int | None:
    """When a run was accepted, if the word has the form of a run id."""
    digits = word.removeprefix(_RUN_PREFIX)[:_TIME_DIGITS]
    if not word.startswith(_RUN_PREFIX) or len(digits) < _TIME_DIGITS:
        return None
    try:
        return int(digits, 16)
    except ValueError:
        return None


async def _session_of_run(store: Store, run_id: RunId, clock: Clock) -> SessionId | None:
    """Looks among the open runs, then in the audit entries since the run began (its id says when)."""
    for entry in await store.open_entries():
        if entry.run.run_id == run_id:
            return entry.run.session_id
    window_ms = clock.now_ms() - (_began_ms(run_id) or 0) + _SLACK_MS
    async with aclosing(store.audit.read_audit(max(0, window_ms))) as batches:
        async for batch in batches:
            for audited in batch:
                if (
                    isinstance(audited, AuditedRun)
                    and audited.run_id == run_id
                    and is_session_id(audited.session_id)
                ):
                    return audited.session_id
    return None
