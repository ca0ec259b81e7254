"""One session's log as rows that a person can read: what happened when, the stage after it, and what does not fit.

`initial`, then `apply` per event (or `apply_unreadable` per entry that cannot be read). Nothing is hidden: events that
the table forbids, missing numbers and damage get a flag and the fold goes on after them as well as it can.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, get_args, get_type_hints

import msgspec
from attrs import evolve, field, frozen
from msgspec.structs import replace

from mix2api.events.codec import encode
from mix2api.events.kinds import KIND_OF, End, Event, Request, SessionNote, UpstreamChunk
from mix2api.events.log import Recorded
from mix2api.sessions.attribution import UNATTRIBUTED, Cause, attribute, cause_of
from mix2api.sessions.evolve import IllegalEvent, fold
from mix2api.sessions.evolve import evolve as evolved
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.sessions.transitions import trigger_of
from mix2api.vocabulary import RunId, Sealed, SessionWord

Fact = str | int | bool | None | list[str]
"""A field's value, as it stands in the log."""


class Flag(StrEnum):
    """What is wrong with a row, or what cannot be known at it."""

    DIFFERENCE = "difference"
    """The recorded verdict is not the one that the run's events give."""
    UNVERIFIABLE = "unverifiable"
    """Events of the run are lost, its cause among them."""
    GAP = "gap"
    """The log itself says that events are lost."""
    MISSING = "missing"
    """Numbers of the run are missing before this event, and nothing says why."""
    ILLEGAL = "illegal"
    """No row of the table, or a run or number that does not fit; the stage stays as it was."""
    UNREADABLE = "unreadable"
    """Damaged, or written by a newer version."""
    TRIMMED = "trimmed"
    """What came before was trimmed away; the stage is known again from the next `request` on."""


@frozen
class Verdict:
    """A run's attribution, as it stands in its `end` and as its events give it."""

    recorded: Cause
    recomputed: Cause


@frozen(kw_only=True)
class Row:
    """One entry of the log."""

    position: str
    """Its stream id."""
    at_ms: int
    """Since the first entry shown, on the store's clock."""
    event: str
    """A `Trigger`, or the reason why it cannot be read."""
    run_id: RunId | None = None
    seq: int | None = None
    facts: Mapping[str, Fact] = field(factory=dict)
    """The event's fields that do not stand at their default; sealed ones say only that they are there."""
    stage: Stage | None
    """After the event. None: unknown."""
    flags: tuple[Flag, ...] = ()
    verdict: Verdict | None = None
    """With `end` only."""


@frozen(kw_only=True)
class Cursor:
    """Where a reader of a log stands."""

    state: SessionState | None = VACANT
    """None while it is unknown."""
    began_ms: int | None = None
    """Stream time of the first entry."""
    last_ms: int = 0
    causes: Mapping[RunId, tuple[UpstreamChunk, ...]] = field(factory=dict)
    """The chunks of runs without an end that state a cause."""
    holed: frozenset[RunId] = frozenset()
    """Runs that have lost events."""


def initial() -> Cursor:
    """Before the first entry."""
    return Cursor()


def apply(cursor: Cursor, recorded: Recorded) -> tuple[Cursor, Row]:
    """The row of the next entry, and where the reader stands after it."""
    event = recorded.event
    cursor = _timed(cursor, _stream_ms(recorded.position))
    state, flags = _folded(cursor, event)
    cursor = _remembered(evolve(cursor, state=state), event, holed=state is None or Flag.MISSING in flags)
    verdict = None
    if isinstance(event, End):
        verdict = _verdict(cursor, event)
        flags += _judged(cursor, event, verdict)
        cursor = _forgotten(cursor, event.run_id)
    row = Row(
        position=recorded.position,
        at_ms=cursor.last_ms,
        event=trigger_of(event).value,
        run_id=event.run_id,
        seq=None if isinstance(event, SessionNote) else event.seq,
        facts=_facts(event),
        stage=None if state is None else state.stage,
        flags=flags,
        verdict=verdict,
    )
    return cursor, row


def apply_unreadable(cursor: Cursor, why: str, position: str) -> tuple[Cursor, Row]:
    """The row of an entry that cannot be read, by `UnreadableEvent`'s word and its place."""
    cursor = _timed(cursor, _stream_ms(position))
    stage = None if cursor.state is None else cursor.state.stage
    row = Row(position=position, at_ms=cursor.last_ms, event=why, stage=stage, flags=(Flag.UNREADABLE,))
    return cursor, row


def _stream_ms(position: str) -> int:
    return int(position.partition("-")[0])


def _timed(cursor: Cursor, stream_ms: int) -> Cursor:
    began_ms = stream_ms if cursor.began_ms is None else cursor.began_ms
    return evolve(cursor, began_ms=began_ms, last_ms=stream_ms - began_ms)


def _folded(cursor: Cursor, event: Event) -> tuple[SessionState | None, tuple[Flag, ...]]:
    """The state after the event, as well as it can be known, and what is wrong."""
    state = cursor.state
    if state is VACANT and not _begins(event):
        state = None
    flags = (Flag.GAP,) if _is_gap(event) else ()
    if state is None:
        flags = (*flags, Flag.TRIMMED)
        if not isinstance(event, Request):
            return None, flags
        state = SessionState(stage=Stage.WAITING)
    try:
        return evolved(state, event), flags
    except IllegalEvent:
        return _after_illegal(state, event, flags)


def _begins(event: Event) -> bool:
    return isinstance(event, SessionNote) and event.word is SessionWord.OPENED


def _is_gap(event: Event) -> bool:
    return isinstance(event, SessionNote) and event.word is SessionWord.GAP


def _after_illegal(
    state: SessionState, event: Event, flags: tuple[Flag, ...]
) -> tuple[SessionState, tuple[Flag, ...]]:
    """Jumps over missing numbers, as a gap marker would; a `request` begins anew; else nothing changes."""
    missing = _missing(state, event)
    if missing:
        hole = SessionNote(word=SessionWord.GAP, why="missing", count=missing)
        try:
            return fold((hole, event), state), (*flags, Flag.MISSING)
        except IllegalEvent:
            pass
    if isinstance(event, Request) and event.run_id not in state.ended:
        state = evolved(replace(state, stage=Stage.WAITING, run=None), replace(event, seq=1))
    return state, (*flags, Flag.ILLEGAL)


def _missing(state: SessionState, event: Event) -> int:
    if isinstance(event, SessionNote) or state.run is None or state.run.run_id != event.run_id:
        return 0
    return max(0, event.seq - state.run.seq - 1)


def _remembered(cursor: Cursor, event: Event, *, holed: bool) -> Cursor:
    """Keeps what the verdict will need: causes, and whether anything of the run is lost."""
    run_id = event.run_id
    if run_id is None:
        return cursor
    if holed or _is_gap(event):
        cursor = evolve(cursor, holed=cursor.holed | {run_id})
    if isinstance(event, UpstreamChunk) and cause_of(event) is not None:
        chunks = (*cursor.causes.get(run_id, ()), event)
        cursor = evolve(cursor, causes={**cursor.causes, run_id: chunks})
    return cursor


def _forgotten(cursor: Cursor, run_id: RunId) -> Cursor:
    causes = {other: chunks for other, chunks in cursor.causes.items() if other != run_id}
    return evolve(cursor, causes=causes, holed=cursor.holed - {run_id})


def _verdict(cursor: Cursor, end: End) -> Verdict:
    recorded = Cause(end.end_reason, end.detail, end.finish_reason)
    return Verdict(recorded=recorded, recomputed=attribute(cursor.causes.get(end.run_id, ())))


def _judged(cursor: Cursor, end: End, verdict: Verdict) -> tuple[Flag, ...]:
    if verdict.recomputed == verdict.recorded:
        return ()
    if verdict.recomputed == UNATTRIBUTED and end.run_id in cursor.holed:
        return (Flag.UNVERIFIABLE,)
    return (Flag.DIFFERENCE,)


_SHOWN_ELSEWHERE: Final = frozenset({"run_id", "seq", "kind", "word"})


def _sealed_fields(kind: type[Event]) -> frozenset[str]:
    hints = get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if hint is Sealed or Sealed in get_args(hint))


_SEALED: Final = {kind: _sealed_fields(kind) for kind in KIND_OF}


def _facts(event: Event) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name, value in msgspec.json.decode(encode(event).data).items():
        if isinstance(value, dict):  # `usage`
            facts |= value
        elif name not in _SHOWN_ELSEWHERE:
            facts[name] = "sealed" if name in _SEALED[type(event)] else value
    return facts
