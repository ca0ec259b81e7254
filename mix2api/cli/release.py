"""`mix2api release`: begins a release, takes it forward and back, and shows how it stands."""

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Any, Final, TextIO

import msgspec
import trio
from attrs import frozen

from mix2api.cli.reading import read_store
from mix2api.cli.release_arguments import add_check_arguments, add_record_arguments, add_words
from mix2api.cli.tables import print_table, stdout
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.release.release import ReleaseEvent, ReleaseState, StepRefused, shown
from mix2api.release.stages import Stage
from mix2api.settings import Settings
from mix2api.store.release_actions import Obeyed, ReleaseAction, ReleaseOrder, obey
from mix2api.store.release_fleet import SETTLED_S, Fleet, until_without_shards
from mix2api.store.store import Store

_REFUSED: Final = 1
_HELP: Final = "begin a release, step it forward, promote it or roll it back, and show how it stands"
_EPILOG: Final = """\
start VERSION   records a release of the canary channel; its processes run already and have no share
check           the gate before the first step: regression packs, and what was recorded, read by this build
record          writes the sessions of the last day into a file, for the check of another build
status          the release that stands, its guard, and the shards of both channels
step            one step forward: 0, 5, 20, 50, 100 % of fresh sessions
promote         ends a release that is at 100 %: the stable processes are to run its version next
rollback        takes the canary to 0 % at once, from every stage, and waits until it owns no shard
lift            ends the quarantine that a guard's rollback leaves
history         all events: who, when, why
watch           the guard: compares both channels, and takes a canary that is worse back to 0 %
simulate        how soon the guard finds a regression on a day's traffic, and how often it is wrong
report          the evidence of a rollback, as a table, JSON or an HTML page
docs/release.md leads through a release. Exit codes: 0, 1 the release does not allow it, or the canary still owns shards
after a rollback, 2 wrong arguments or settings, or Redis does not answer.
"""
_OF_THEIR_OWN: Final = ("check", "record", "watch", "simulate", "report")
"""Actions of modules of their own, `mix2api.cli.release_<action>`."""
_OF_THE_GATE: Final = {"check": add_check_arguments, "record": add_record_arguments}
"""Whose modules load a server, a site and the packs: only to run."""
_AGAIN_S: Final = 0.5
_CHANGING: Final = ("start", "step", "promote", "rollback", "lift")


@frozen(kw_only=True)
class ReleaseQuery:
    """What was asked for."""

    action: str
    as_json: bool = False
    who: str = ""
    why: str = ""
    version: str = ""
    without_gate: bool = False
    without_guard: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "release",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for action in _OF_THEIR_OWN:
        add = _OF_THE_GATE.get(action) or _module(action).add_arguments
        add(actions.add_parser(action))
    added = {action: actions.add_parser(action) for action in (*_CHANGING, "status", "history")}
    for one in added.values():
        one.add_argument("--json", action="store_true", help="JSON instead of lines")
    for action in _CHANGING:
        add_words(added[action])
    added["start"].add_argument("version", metavar="VERSION", help="of the canary processes")
    added["start"].add_argument("--without-gate", action="store_true", help="step without a passed gate")
    for action in ("step", "promote"):
        added[action].add_argument(
            "--without-guard", action="store_true", help="step though no guard watches, or against its word"
        )


def _module(action: str) -> ModuleType:
    return import_module(f"mix2api.cli.release_{action}")


def query_of(arguments: argparse.Namespace) -> ReleaseQuery:
    """What was asked for. An action has some of the arguments only."""
    return ReleaseQuery(
        action=arguments.action,
        as_json=arguments.json,
        who=getattr(arguments, "who", ""),
        why=getattr(arguments, "why", ""),
        version=getattr(arguments, "version", ""),
        without_gate=getattr(arguments, "without_gate", False),
        without_guard=getattr(arguments, "without_guard", False),
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    if arguments.action in _OF_THEIR_OWN:
        return int(_module(arguments.action).run(arguments, settings))
    query = query_of(arguments)
    if query.action == "start" and settings.storing.shards < 2:  # noqa: PLR2004 - one for each channel
        raise ConfigurationError("MIX2API_SHARDS: two channels need at least 2 shards")
    return read_store(settings, "release", lambda store: release(store, query, stdout()))


async def release(store: Store, query: ReleaseQuery, out: TextIO) -> int:
    """Does what was asked for, prints, and gives the exit code.

    Raises:
        StoreUnavailable: Redis does not answer. A command may have been obeyed; a second attempt does no harm.
    """
    if query.action == "history":
        _print_history(await store.release.history(), query, out)
        return 0
    if query.action == "status":
        await _print_status(store, await store.release.read(), query, out)
        return 0
    if query.action == "rollback":
        return await _roll_back(store, query, out)
    try:
        state = (await obey(store, _order(query))).state
    except StepRefused as fault:
        _say(str(fault), {"refused": str(fault)}, query, out)
        return _REFUSED
    _say(_standing(state), msgspec.to_builtins(state), query, out)
    return 0


def _order(query: ReleaseQuery) -> ReleaseOrder:
    return ReleaseOrder(
        action=ReleaseAction(query.action),
        who=query.who,
        why=query.why,
        version=query.version,
        without_gate=query.without_gate,
        without_guard=query.without_guard,
    )


async def _roll_back(store: Store, query: ReleaseQuery, out: TextIO) -> int:
    """Rolls back; while Redis does not answer, again and again for `SETTLED_S`. A rollback that was obeyed is not done twice."""
    deadline = trio.current_time() + SETTLED_S
    is_told = False
    while True:
        try:
            return await _rolled_back(store, await obey(store, _order(query)), query, out)
        except StoreUnavailable:
            if trio.current_time() > deadline:
                raise
            if not is_told:
                print("Redis does not answer: the rollback is tried again", file=sys.stderr)
            is_told = True
            await trio.sleep(_AGAIN_S)


async def _rolled_back(store: Store, obeyed: Obeyed, query: ReleaseQuery, out: TextIO) -> int:
    """Says how a rollback went, once the canary owns no shard any more."""
    state = obeyed.state
    if state.stage is Stage.NONE:
        _say("no release is recorded: nothing was rolled back", {"refused": "no release"}, query, out)
        return _REFUSED
    took_s, left = await until_without_shards(store)
    facts = {**msgspec.to_builtins(state), "took_s": took_s, "canary_shards": left.shards, "runs": left.runs}
    words = "the canary owns no shard" if not left.shards else f"the canary still owns {left.shards} shards"
    line = f"{_standing(state)}{' already' if obeyed.is_repeat else ''}; {words} after {took_s:.1f} s; {left.runs} of its streams run on"
    _say(line, facts, query, out)
    return _REFUSED if left.shards else 0


async def _print_status(store: Store, state: ReleaseState, query: ReleaseQuery, out: TextIO) -> None:
    fleet = Fleet(await store.census.take())
    beat = await store.guard.read()
    if query.as_json:
        facts = {
            **msgspec.to_builtins(state),
            "percent": state.percent,
            "guard": msgspec.to_builtins(beat),
            "channels": fleet.facts,
        }
        print(json.dumps(facts), file=out)
        return
    print(_standing(state), file=out)
    if state.number:
        print(f"by {state.who}: {state.why}", file=out)
    guard = "no guard watches" if beat is None else f"guard {beat.guard} says {beat.decision}: {beat.why}"
    print(guard, file=out)
    print_table(("channel", "versions", "processes", "shards", "runs"), fleet.rows, out)


def _standing(state: ReleaseState) -> str:
    if state.stage is Stage.NONE:
        return "no release is recorded"
    return (
        f"release {state.release} of version {state.version}: {shown(state.stage)}, "
        f"{state.percent} % of fresh sessions go to the canary"
    )


def _print_history(events: list[ReleaseEvent], query: ReleaseQuery, out: TextIO) -> None:
    if query.as_json:
        print(json.dumps(msgspec.to_builtins(events)), file=out)
        return
    columns = ("number", "when (UTC)", "release", "event", "version", "guard", "evidence", "who", "why")
    print_table(columns, [_row(one) for one in events], out)


def _row(event: ReleaseEvent) -> tuple[str, ...]:
    when = datetime.fromtimestamp(event.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    said = (event.release, event.trigger, event.version, event.guard, event.evidence, event.who, event.why)
    return (str(event.number), when, *said)


def _say(line: str, facts: dict[str, Any], query: ReleaseQuery, out: TextIO) -> None:
    print(json.dumps(facts) if query.as_json else line, file=out)
