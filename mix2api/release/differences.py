"""How this build's reading of a session differs from what was recorded: the replay gate's question. Pure.

The log holds both what happened and what the build that wrote it made of that: verdicts, resolutions, states, budgets. This build
folds the events anew, and each thing that it makes otherwise is a difference. A gate with a difference that nobody has signed
does not pass. A person signs a difference's key, which names no session.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from mix2api.events.audit_entry import EndSummary, RequestSummary, end_summary, request_summary
from mix2api.events.codec import UnreadableEvent, decode
from mix2api.events.kinds import RUNTIME, End, Event, Request, ToolCall, ToolResult, UpstreamChunk
from mix2api.events.versions import CURRENT, Schema
from mix2api.release.recorded_session import RecordedEntry, RecordedRun, RecordedSession
from mix2api.sessions.attribution import Cause, context_after
from mix2api.sessions.evolve import IllegalEvent, evolve
from mix2api.sessions.snapshot import decode_snapshot
from mix2api.sessions.state import VACANT, RunState, SessionState
from mix2api.vocabulary import Context

_SHOWN: Final = 160
"""Characters of a value in a difference. Digests, words and numbers are shorter; a list of digests may be longer."""
_CONTINUED: Final = "continued"
_PLACES: Final = {name: place for place, name in enumerate(EndSummary.__struct_fields__)}


@frozen
class Difference:
    """One thing that this build makes otherwise."""

    key: str
    """Of what: `verdict`, `resolution`, `read:request.client`, `state.waits_at`, `asked.budget` ..."""
    session: str
    at: str
    """The run's id, or the number of the entry."""
    recorded: str
    derived: str


def differences(session: RecordedSession, schema: Schema = CURRENT) -> list[Difference]:
    """All differences of one session; after an event that cannot be read, or cannot follow, nothing more is asked.

    Args:
        session: as another build wrote it.
        schema: this code's. Fields of an older version are cast, and not compared one by one.
    """
    return _Rereading(session, schema).found()


@define
class _Run:
    """The events of the run under way, as far as its audit entry needs them."""

    request: Request
    results: list[ToolResult] = field(factory=list)
    calls: list[str] = field(factory=list)
    account: str | None = None


@define
class _Rereading:
    """One session, read once more."""

    session: RecordedSession
    schema: Schema
    _found: list[Difference] = field(factory=list, init=False)
    _state: SessionState = field(default=VACANT, init=False)
    _run: _Run | None = field(default=None, init=False)

    def found(self) -> list[Difference]:
        """The differences."""
        snapshot = self.session.snapshot
        kept = None if snapshot is None else self._snapshot(snapshot)
        first = 0
        if self.session.is_trimmed:
            if kept is None:
                return self._found  # nothing is left from which it could be folded
            self._state, first = kept, self.session.covered
        for number, entry in enumerate(self.session.entries[first:], first + 1):
            event = self._event(number, entry)
            if event is None or not self._takes(number, event):
                break
            if kept is not None and number == self.session.covered:
                self._compare("state", f"entry {number}", _fields(kept), _fields(self._state))
        return self._found

    def _snapshot(self, text: str) -> SessionState | None:
        try:
            state = decode_snapshot(text.encode(), self.schema)
        except UnreadableEvent as fault:
            self._tell("read:snapshot", "snapshot", "readable", fault.why)
            return None
        document = msgspec.json.decode(text)
        if document["v"] == self.schema.version:
            self._lacks("read:snapshot", "snapshot", document["state"], _fields(state))
        return state

    def _event(self, number: int, entry: RecordedEntry) -> Event | None:
        try:
            event = decode(entry.kind.encode(), entry.version.encode(), entry.data.encode(), self.schema)
        except UnreadableEvent as fault:
            self._tell(f"read:{entry.kind}", f"entry {number}", "readable", fault.why)
            return None
        if entry.version == str(self.schema.version):
            self._lacks(
                f"read:{entry.kind}", f"entry {number}", msgspec.json.decode(entry.data), _fields(event)
            )
        return event

    def _takes(self, number: int, event: Event) -> bool:
        """Folds an event; False: it cannot follow."""
        before = self._state
        try:
            self._state = evolve(before, event)
        except IllegalEvent as fault:
            self._tell("order", f"entry {number}", "legal", str(fault))
            return False
        match event:
            case Request():
                self._run = _Run(event)
                self._resolved(before, event)
            case ToolResult() if self._run is not None:
                self._run.results.append(event)
            case UpstreamChunk() if self._run is not None:
                self._run.account = event.account or self._run.account
            case ToolCall() if self._run is not None:
                self._run.calls.append(event.tool_call_id)
            case End() if before.run is not None:
                self._ended(before, before.run, event)
        return True

    def _resolved(self, before: SessionState, request: Request) -> None:
        """Whether the session was there before, and waited where the request took it."""
        if request.resolution == RUNTIME:
            return
        was_there = before.opened_ms > 0
        if was_there != (request.resolution == _CONTINUED):
            derived = _CONTINUED if was_there else "fresh"
            self._tell("resolution", request.run_id, request.resolution, derived)
        if request.taken is not None and request.taken not in before.waits_at:
            self._tell("resolution.taken", request.run_id, request.taken, before.waits_at)

    def _ended(self, before: SessionState, run: RunState, end: End) -> None:
        recorded = Cause(end.end_reason, end.detail, end.finish_reason)
        is_holed = before.gaps > 0
        if recorded != run.cause and not (is_holed and run.cause is None):
            self._tell("verdict", end.run_id, recorded, run.cause)
        if not is_holed:
            self._measured(run, end)
        self._audited(end)

    def _measured(self, run: RunState, end: End) -> None:
        """What an `end` repeats of its run's events, and what follows from them."""
        for name in ("upstream_status", "first_token_ms", "frames"):
            said, folded = getattr(end, name), getattr(run, name)
            if said != folded:
                self._tell(f"end.{name}", end.run_id, said, folded)
        # Unknown is also what a lost run leaves, and an answer that was not given as it came: no event says so.
        if run.cause is not None and end.context is not Context.UNKNOWN:
            context = _context(run, run.cause)
            if end.context is not context:
                self._tell("end.context", end.run_id, end.context, context)

    def _audited(self, end: End) -> None:
        run, self._run = self._run, None
        halves = self.session.runs.get(end.run_id)
        if run is None or halves is None:
            return
        asked = msgspec.json.decode(request_summary(run.request, run.results))
        self._half("asked", end.run_id, RequestSummary.__struct_fields__, halves.asked, asked)
        self._half(
            "ended", end.run_id, EndSummary.__struct_fields__, halves.ended, _ended_half(end, run, halves)
        )

    def _half(self, key: str, at: str, names: tuple[str, ...], recorded: str, derived: list[Any]) -> None:
        try:
            kept = msgspec.json.decode(recorded, type=list[Any])
        except msgspec.MsgspecError:
            return  # it was damaged in the store: `audit` counts that
        said = dict(zip(names, kept, strict=False))
        self._compare(key, at, said, dict(zip(names, derived, strict=False)))

    def _compare(self, key: str, at: str, recorded: Mapping[str, Any], derived: Mapping[str, Any]) -> None:
        """All fields of both; one that stands on one side alone is None on the other."""
        for name in (*recorded, *(name for name in derived if name not in recorded)):
            said, made = recorded.get(name), derived.get(name)
            if said != made:
                self._tell(f"{key}.{name}", at, said, made)

    def _lacks(self, key: str, at: str, recorded: Mapping[str, Any], read: Mapping[str, Any]) -> None:
        """The fields that were recorded and are not read as they stand."""
        for name, said in recorded.items():
            if not _holds(read.get(name), said):
                self._tell(f"{key}.{name}", at, said, read.get(name))

    def _tell(self, key: str, at: str, recorded: object, derived: object) -> None:
        self._found.append(Difference(key, self.session.session, at, shown(recorded), shown(derived)))


def _ended_half(end: End, run: _Run, halves: RecordedRun) -> list[Any]:
    """The second half as this build writes it.

    The longest pause stands in no event: it is taken as recorded. A half without an account is an older process's, or of a run
    that was ended for a lost process.
    """
    kept = _values(halves.ended)
    named = None if _at(kept, "account") is None else run.account
    derived: list[Any] = msgspec.json.decode(end_summary(end, run.calls, _at(kept, "longest_gap_ms"), named))
    return derived


def _at(half: list[Any], name: str) -> Any:
    """A field of the second half; None where it does not reach so far."""
    place = _PLACES[name]
    return half[place] if len(half) > place else None


def _values(half: str) -> list[Any]:
    try:
        return msgspec.json.decode(half, type=list[Any])
    except msgspec.MsgspecError:
        return []


def _context(run: RunState, cause: Cause) -> Context:
    if run.is_bridged:
        return Context.UNCHANGED
    perhaps_read = run.was_started or run.perhaps_taken
    return context_after(cause, run.upstream_status, perhaps_read=perhaps_read, called=run.was_called)


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct's fields as they stand in JSON, those at their defaults too."""
    fields: dict[str, Any] = {
        name: msgspec.to_builtins(getattr(struct, name)) for name in struct.__struct_fields__
    }
    return fields


def _holds(read: Any, recorded: Any) -> bool:
    """Whether all that was recorded stands in what was read. An inner struct may say more."""
    if isinstance(recorded, dict) and isinstance(read, dict):
        return all(_holds(read.get(name), value) for name, value in recorded.items())
    if isinstance(recorded, list) and isinstance(read, list | tuple):
        return len(read) == len(recorded) and all(map(_holds, read, recorded))
    return bool(read == recorded)


def shown(value: object) -> str:
    """A value for a person, cut where it is long; the cut is told."""
    text = msgspec.json.encode(value).decode() if not isinstance(value, str) else value
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ... ({len(text)} characters)"


def keys_of(found: Iterable[Difference]) -> Iterator[tuple[str, int, Difference]]:
    """Each key with its count and its first difference, in the order of their first appearance."""
    by_key: dict[str, list[Difference]] = {}
    for one in found:
        by_key.setdefault(one.key, []).append(one)
    return ((key, len(ones), ones[0]) for key, ones in by_key.items())
