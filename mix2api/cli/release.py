"""`mix2api release`: begins a release, takes it forward and back, and shows how it stands."""

import argparse
import json
import sys
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, Final, TextIO

import msgspec
import trio
from attrs import frozen

from mix2api.cli.reading import TRIED_AGAIN, read_store
from mix2api.cli.release_arguments import add_check_arguments, add_record_arguments, add_who, add_words
from mix2api.cli.tables import print_table, stdout
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.process.gateway_following import GatewayFollowing, gateway_following
from mix2api.release.gateway import GatewayNews
from mix2api.release.release import ReleaseEvent, ReleaseState, StepRefused, shown
from mix2api.release.stages import Stage
from mix2api.settings import NewApiGateway, Settings
from mix2api.store.release_actions import Obeyed, ReleaseAction, ReleaseOrder, obey
from mix2api.store.release_fleet import SETTLED_S, Fleet, until_without_shards
from mix2api.store.store import Store

_REFUSED: Final = 1
_NOT_FOLLOWED: Final = 3
_HELP: Final = "begin a release, step it forward, promote it or roll it back, and show how it stands"
_EPILOG: Final = """\
start VERSION   records a release of the canary channel; its processes run already and have no share
check           the gate before the first step: regression packs, and what was recorded, read by this build
record          writes the sessions of the last day into a file, for the check of another build
status          the release that stands, its guard, and the shards of both channels
step            one step forward: 0, 5, 20, 50, 100 % of fresh sessions
promote         ends a release that is at 100 %: the stable processes are to run its version next
rollback        takes the canary to 0 % at once, from every stage, and waits until it owns no shard
gateway         tells new-api (NEWAPI_URL) the weights of the stage that stands, once more
lift            ends the quarantine that a guard's rollback leaves
history         all events: who, when, why
watch           the guard: compares both channels, and takes a canary that is worse back to 0 %
simulate        how soon the guard finds a regression on a day's traffic, and how often it is wrong
report          the evidence of a rollback, as a table, JSON or an HTML page
docs/release.md leads through a release. Exit codes: 0, 1 the release does not allow it, or the canary still owns shards
after a rollback, 2 wrong arguments or settings, or Redis does not answer, 3 it is done, but new-api does not follow.
"""
_OF_THEIR_OWN: Final = ("check", "record", "watch", "simulate", "report")
"""Actions of modules of their own, `mix2api.cli.release_<action>`."""
_OF_THE_GATE: Final = {"check": add_check_arguments, "record": add_record_arguments}
"""Whose modules load a server, a site and the packs: only to run."""
_AGAIN_S: Final = 0.5
_GATEWAY: Final = "gateway"
"""In the history, beside the triggers of events."""
_CHANGING: Final = ("start", "step", "promote", "rollback", "lift")
_UNCHANGING: Final = ("gateway", "status", "history")


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
    added = {action: actions.add_parser(action) for action in (*_CHANGING, *_UNCHANGING)}
    for one in added.values():
        one.add_argument("--json", action="store_true", help="JSON instead of lines")
    for action in _CHANGING:
        add_words(added[action])
    add_who(added["gateway"])
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
    patience_s = SETTLED_S if query.action == "rollback" else 0
    obeyed = partial(_with_gateway, settings.new_api, query)
    return read_store(settings, "release", obeyed, patience_s=patience_s)


async def _with_gateway(group: NewApiGateway, query: ReleaseQuery, store: Store) -> int:
    async with gateway_following(store, group) as gateway:
        return await release(store, query, stdout(), gateway)


async def release(
    store: Store, query: ReleaseQuery, out: TextIO, gateway: GatewayFollowing | None = None
) -> int:
    """Does what was asked for, prints, and gives the exit code.

    Args:
        store: where the release rests.
        query: what was asked for.
        out: where to print.
        gateway: follows what changed; None: there is none.

    Raises:
        StoreUnavailable: Redis does not answer. A command may have been obeyed; a second attempt does no harm.
    """
    if query.action == "history":
        _print_history(await store.release.history(), await store.gateway.history(), query, out)
        return 0
    if query.action == "status":
        await _print_status(store, await store.release.read(), query, out)
        return 0
    following = GatewayFollowing(store) if gateway is None else gateway
    if query.action == "rollback":
        return await _roll_back(store, following, query, out)
    if query.action == "gateway":
        return await _tell_gateway(await store.release.read(), following, query, out)
    try:
        state = (await obey(store, _order(query))).state
    except StepRefused as fault:
        _say(str(fault), {"refused": str(fault)}, query, out)
        return _REFUSED
    _say(_standing(state), msgspec.to_builtins(state), query, out)
    return await _follow(state, following, query)


async def _follow(state: ReleaseState, gateway: GatewayFollowing, query: ReleaseQuery) -> int:
    """Tells the gateway of a change; what it lacks goes to stderr, so that JSON stays whole."""
    news = await gateway.follow(state, query.who)
    if news is None or not news.fault:
        return 0
    print(f"mix2api: {news.line}; a guard tries again, or `mix2api release gateway`", file=sys.stderr)
    return _NOT_FOLLOWED


async def _tell_gateway(
    state: ReleaseState, gateway: GatewayFollowing, query: ReleaseQuery, out: TextIO
) -> int:
    news = await gateway.follow(state, query.who, once_more=True)
    if news is None:
        why = "no release is recorded" if state.stage is Stage.NONE else "NEWAPI_URL is not set"
        _say(f"there is nothing to tell: {why}", {"refused": why}, query, out)
        return _REFUSED
    _say(news.line, msgspec.to_builtins(news), query, out)
    return _NOT_FOLLOWED if news.fault else 0


def _order(query: ReleaseQuery) -> ReleaseOrder:
    return ReleaseOrder(
        action=ReleaseAction(query.action),
        who=query.who,
        why=query.why,
        version=query.version,
        without_gate=query.without_gate,
        without_guard=query.without_guard,
    )


async def _roll_back(store: Store, gateway: GatewayFollowing, query: ReleaseQuery, out: TextIO) -> int:
    """Rolls back; while Redis does not answer, again and again for `SETTLED_S`. A rollback that was obeyed is not done twice."""
    deadline = trio.current_time() + SETTLED_S
    is_told = False
    while True:
        try:
            return await _rolled_back(store, await obey(store, _order(query)), gateway, query, out)
        except StoreUnavailable:
            if trio.current_time() > deadline:
                raise
            if not is_told:
                print(TRIED_AGAIN, file=sys.stderr)
            is_told = True
            await trio.sleep(_AGAIN_S)


async def _rolled_back(
    store: Store, obeyed: Obeyed, gateway: GatewayFollowing, query: ReleaseQuery, out: TextIO
) -> int:
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
    # The processes came first: new-api may be slow or away.
    followed = await _follow(state, gateway, query)
    return _REFUSED if left.shards else followed


async def _print_status(store: Store, state: ReleaseState, query: ReleaseQuery, out: TextIO) -> None:
    fleet = Fleet(await store.census.take())
    beat, news = await store.guard.read(), await store.gateway.last()
    if query.as_json:
        facts = {
            **msgspec.to_builtins(state),
            "percent": state.percent,
            "guard": msgspec.to_builtins(beat),
            "gateway": msgspec.to_builtins(news),
            "channels": fleet.facts,
        }
        print(json.dumps(facts), file=out)
        return
    print(_standing(state), file=out)
    if state.number:
        print(f"by {state.who}: {state.why}", file=out)
    guard = "no guard watches" if beat is None else f"guard {beat.guard} says {beat.decision}: {beat.why}"
    print(guard, file=out)
    if news is not None:
        print(news.line, file=out)
    print_table(("channel", "versions", "processes", "shards", "runs"), fleet.rows, out)


def _standing(state: ReleaseState) -> str:
    if state.stage is Stage.NONE:
        return "no release is recorded"
    return (
        f"release {state.release} of version {state.version}: {shown(state.stage)}, "
        f"{state.percent} % of fresh sessions go to the canary"
    )


def _print_history(
    events: list[ReleaseEvent], told: list[GatewayNews], query: ReleaseQuery, out: TextIO
) -> None:
    """All events, and behind each what became of telling the gateway."""
    if query.as_json:
        news = [{"trigger": _GATEWAY, **msgspec.to_builtins(one)} for one in told]
        print(json.dumps([*msgspec.to_builtins(events), *news]), file=out)
        return
    rows = [(one.number, 0, _row(one)) for one in events]
    rows += [(one.number, one.at_ms, _told_row(one)) for one in told]
    columns = ("number", "when (UTC)", "release", "event", "version", "guard", "evidence", "who", "why")
    print_table(columns, [row for _, _, row in sorted(rows)], out)


def _told_row(news: GatewayNews) -> tuple[str, ...]:
    word = f"{_GATEWAY} {'failed' if news.fault else f'{news.stable}:{news.canary}'}"
    return (str(news.number), _when(news.at_ms), news.release, word, "", "", "", news.who, news.fault)


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _row(event: ReleaseEvent) -> tuple[str, ...]:
    said = (event.release, event.trigger, event.version, event.guard, event.evidence, event.who, event.why)
    return (str(event.number), _when(event.at_ms), *said)


def _say(line: str, facts: dict[str, Any], query: ReleaseQuery, out: TextIO) -> None:
    print(json.dumps(facts) if query.as_json else line, file=out)
