"""`mix2api sessions`: which sessions there were in a window, what is known of one of them, and retiring it."""

import argparse
import json
from typing import Any, Final, TextIO

from attrs import define, frozen

from mix2api.cli.durations import duration_ms, shown
from mix2api.cli.reading import read_store
from mix2api.cli.retiring import retire_session
from mix2api.cli.tables import print_table, stdout
from mix2api.clock import Clock, SystemClock
from mix2api.errors import ConfigurationError
from mix2api.events.codec import UnreadableEvent
from mix2api.identity import is_session_id
from mix2api.sessions.evolve import IllegalEvent
from mix2api.sessions.snapshot import state_of
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.settings import Settings
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.finding import find
from mix2api.store.store import Store
from mix2api.vocabulary import SessionId

_NOT_FOUND: Final = 3
_UNREADABLE: Final = 1
_HELP: Final = "list the sessions of a window, show one, or have it never continued again"
_EPILOG: Final = """\
opened: why the session was made, a reason of docs/glossary.md.
The list is made from the audit streams and the open runs: a session is listed while its last run is in the window.
Exit codes: 0, 1 the session's log cannot be read or the session was not retired, 2 wrong arguments or settings,
3 no such session.
"""
_COLUMNS: Final = ("session", "state", "opened", "age", "idle", "turns", "last end_reason")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "sessions",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "action", nargs="?", choices=("list", "show", "retire"), default="list", help="list is the default"
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="show, retire: a session, run or request id")
    parser.add_argument(
        "--window",
        type=duration_ms,
        default="24h",
        metavar="TIME",
        help="how far back: 15m, 24h (default), 7d",
    )
    parser.add_argument(
        "--limit",
        type=_positive,
        default=50,
        metavar="N",
        help="at most so many, the latest first (default 50)",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


@frozen(kw_only=True)
class SessionsQuery:
    """What was asked for."""

    window_ms: int
    limit: int = 50
    as_json: bool = False


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = SessionsQuery(window_ms=arguments.window, limit=arguments.limit, as_json=arguments.json)
    if (arguments.action != "list") != (arguments.id is not None):
        raise ConfigurationError("sessions: `show ID` and `retire ID` take one, `list` takes no ID")
    word: str | None = arguments.id

    async def read(store: Store) -> int:
        if word is None:
            return await list_sessions(store, query, stdout(), SystemClock())
        if arguments.action == "retire":
            return await retire_session(store, word, stdout(), SystemClock())
        return await show_session(store, word, query, stdout(), SystemClock())

    return read_store(settings, "sessions", read)


@define
class _Seen:
    """What the audit streams and open runs tell of a session. Unix milliseconds."""

    first_ms: int
    last_ms: int

    def also(self, at_ms: int) -> None:
        """The session was seen at that time too."""
        self.first_ms = min(self.first_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)


async def list_sessions(store: Store, query: SessionsQuery, out: TextIO, clock: Clock) -> int:
    """Prints the latest sessions of the window, and gives the exit code. Reads the logs of those alone.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    seen = await _seen(store, query.window_ms)
    latest = sorted(seen.items(), key=lambda item: item[1].last_ms, reverse=True)[: query.limit]
    now_ms = clock.now_ms()
    listed = [_listed(each, times, await _state(store, each), now_ms) for each, times in latest]
    if query.as_json:
        print(json.dumps({"sessions": listed, "all": len(seen)}), file=out)
        return 0
    rows = [
        (
            each["session"],
            each["state"],
            _text(each["opening_reason"]),
            shown(each["age_ms"]),
            shown(each["idle_ms"]),
            _text(each["turns"]),
            _text(each["last_end_reason"]),
        )
        for each in listed
    ]
    print_table(_COLUMNS, rows, out)
    if len(seen) > len(listed):
        print(f"{len(seen) - len(listed)} more: see --limit", file=out)
    return 0


async def show_session(store: Store, word: str, query: SessionsQuery, out: TextIO, clock: Clock) -> int:
    """Prints what is known of one session, and gives the exit code.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    found = await find(store, word, clock)
    state = VACANT if found is None else await _state(store, found.session_id)
    if found is None or state == VACANT:
        print(f"no session is known by {word!r}", file=out)
        return _NOT_FOUND
    facts = _facts(found.session_id, state, clock.now_ms())
    if query.as_json:
        print(json.dumps(facts), file=out)
    else:
        print_table(("fact", "value"), [(name, _text(value)) for name, value in facts.items()], out)
    return _UNREADABLE if state is None else 0


async def _seen(store: Store, window_ms: int) -> dict[SessionId, _Seen]:
    seen: dict[SessionId, _Seen] = {}
    async for batch in store.audit.read_audit(window_ms):
        for entry in batch:
            if isinstance(entry, AuditedRun) and is_session_id(entry.session_id):
                at_ms = int(entry.position.partition("-")[0])
                seen.setdefault(entry.session_id, _Seen(at_ms, at_ms)).also(at_ms)
    for open_entry in await store.open_entries():
        run = open_entry.run
        seen.setdefault(run.session_id, _Seen(run.started_ms, run.started_ms)).also(run.started_ms)
    return seen


async def _state(store: Store, session_id: SessionId) -> SessionState | None:
    """None where the log cannot be read: the session is shown as such."""
    try:
        return state_of(await store.log.history(session_id))
    except (UnreadableEvent, IllegalEvent):
        return None


def _listed(session_id: SessionId, times: _Seen, state: SessionState | None, now_ms: int) -> dict[str, Any]:
    return {
        "session": session_id,
        "state": _stage(state),
        "opening_reason": None if state is None else state.opening_reason,
        "age_ms": max(0, now_ms - times.first_ms),
        "idle_ms": max(0, now_ms - times.last_ms),
        "turns": None if state is None else state.turns,
        "last_end_reason": None if state is None else state.last_end,
    }


def _stage(state: SessionState | None) -> str:
    if state is None:
        return "unreadable"
    return "expired" if state.stage is Stage.VACANT else state.stage.value


def _facts(session_id: SessionId, state: SessionState | None, now_ms: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"session": session_id, "state": _stage(state)}
    if state is None:
        return facts
    facts |= {
        "age_ms": max(0, now_ms - state.opened_ms),
        "idle_ms": max(0, now_ms - state.ended_ms) if state.run is None else 0,
        "turns": state.turns,
        "last_end_reason": state.last_end,
        "opening_reason": state.opening_reason,
        "last_reason": state.resolution_reason,
        "isolation": state.isolation,
        "realm": state.realm,
        "context": state.context,
        "upstream_session": "sealed" if state.upstream_session is not None else None,
        "upstream_exchange": "sealed" if state.upstream_exchange is not None else None,
        "waits_at": list(state.waits_at),
        "lost_events": state.gaps,
        "run": None if state.run is None else state.run.run_id,
        "ended_runs": list(state.ended),
    }
    return facts


def _text(value: object) -> str:
    """As a log line has it: `none` for what is not there."""
    if value is None or value == []:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)
