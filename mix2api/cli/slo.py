"""`mix2api slo`: the service levels of the last 24 hours, by client, and how fast their budgets burn."""

import argparse
import gc
from typing import Any, Final, TextIO

import msgspec
from attrs import frozen

from mix2api.cli.reading import read_opened
from mix2api.cli.second_reader import Order, SecondReader, second_reader
from mix2api.cli.tables import print_table, stdout
from mix2api.projections.slo import MINUTE_MS, SloFold
from mix2api.projections.slo_report import (
    BURNS,
    DAY_MINUTES,
    DRIFT_LIMIT,
    Drift,
    Level,
    SloReport,
    Verdict,
    report,
)
from mix2api.settings import Settings
from mix2api.store.level_store import LevelSource, open_level_store
from mix2api.vocabulary import Channel

_EXIT: Final = {Verdict.OK: 0, Verdict.BREACH: 1, Verdict.UNSURE: 4, Verdict.NOTHING: 4}
_MANY: Final = 100_000
"""Entries in the log, from which on two processes read it. One process reads so many in half a second."""
_BEHIND_MS: Final = 3_600_000
"""If the last look is longer ago, much may be new."""
_HELP: Final = "judge the last 24 hours by the service levels"
_EPILOG: Final = """\
docs/slo.md writes every denominator down. Requests that their client aborted, that a newer request superseded, or that failed by
their client's fault are in none. burn: how many times faster than allowed the errors of that window spend the budget.
The first look reads the whole day. Later ones read what is new: the fold is kept in Redis.
Exit codes: 0 all met, 1 a breach, 2 wrong arguments or settings, 4 cannot say (no traffic, or too little for the drift).
"""


@frozen(kw_only=True)
class SloQuery:
    """What was asked for."""

    as_json: bool = False
    channel: Channel | None = None


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "slo", help=_HELP, description=_HELP, epilog=_EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument(
        "--channel", type=Channel, choices=list(Channel), help="count this release channel alone"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    query = SloQuery(as_json=arguments.json, channel=arguments.channel)
    gc.disable()  # a fold of millions of small objects makes no cycles: the collector took two fifths of the time
    try:
        with second_reader(settings) as second:
            return read_opened(
                open_level_store, settings, "slo", lambda store: slo(store, query, stdout(), second)
            )
    finally:
        gc.enable()


async def slo(store: LevelSource, query: SloQuery, out: TextIO, second: SecondReader | None = None) -> int:
    """Folds what is new, prints, and gives the exit code.

    Args:
        store: to read.
        query: what was asked for.
        out: where it is printed.
        second: helps where much is new.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    now_ms = await store.audit.now_ms()
    told = report(await folded(store, now_ms, second), now_ms, query.channel)
    if query.as_json:
        print(msgspec.json.encode(_document(told)).decode(), file=out)
    else:
        _print_report(told, out)
    return _EXIT[told.verdict]


async def folded(store: LevelSource, now_ms: int, second: SecondReader | None = None) -> SloFold:
    """The fold of the last day; what is new is kept with it.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    fold = await store.slo.load()
    oldest_ms = now_ms - DAY_MINUTES * MINUTE_MS
    if second is not None and _is_behind(fold, now_ms) and await store.audit.length() >= _MANY:
        await _fold_with(second, store, fold, oldest_ms)
    else:
        await store.audit.tell(oldest_ms, fold.reached, fold)
    fold.forget_before(oldest_ms)
    await store.slo.keep(fold)
    return fold


def _is_behind(fold: SloFold, now_ms: int) -> bool:
    newest_ms = max((int(place.partition("-")[0]) for place in fold.reached.values()), default=0)
    return now_ms - newest_ms > _BEHIND_MS


async def _fold_with(second: SecondReader, store: LevelSource, fold: SloFold, oldest_ms: int) -> None:
    """Folds half of the shards while the second process folds the other half."""
    shards = range(store.audit.shards)
    ours, theirs = shards[::2], shards[1::2]
    reached = {shard: place for shard, place in fold.reached.items() if shard % 2}
    is_begun = second.begin(Order(oldest_ms=oldest_ms, reached=reached, shards=list(theirs)))
    await store.audit.tell(oldest_ms, fold.reached, fold, ours)
    half = await second.half() if is_begun else None
    if half is None:
        await store.audit.tell(oldest_ms, fold.reached, fold, theirs)
        return
    fold.take_in(half.fold)
    store.damage.found_elsewhere(half.damaged)


def _document(told: SloReport) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(told)
    return {"verdict": told.verdict.value, **document}


def _print_report(told: SloReport, out: TextIO) -> None:
    rows = [_cells(level) for level in told.levels if level.total]
    print_table(
        (
            "client",
            "objective",
            "share",
            "target",
            "good/all",
            *(f"burn {name}" for name in BURNS),
            "verdict",
        ),
        rows,
        out,
    )
    print(file=out)
    print(f"drift between channels: {_drift(told.drift)}", file=out)
    print(f"failed by their client's fault, and in no denominator: {told.client_faults}", file=out)
    print(f"verdict: {told.verdict.value}", file=out)


def _cells(level: Level) -> tuple[str, ...]:
    burns = ["-" if burn is None else f"{burn:.1f}" for burn in level.burn.values()]
    share = "-" if level.share is None else f"{level.share:.2%}"
    counted = f"{level.good}/{level.total}"
    return (level.client, level.name, share, f"{level.target:.1%}", counted, *burns, level.verdict.value)


def _drift(drift: Drift | None) -> str:
    if drift is None:
        return "one channel alone had traffic"
    bounds = f"{drift.least:.1%} to {drift.most:.1%}, limit {DRIFT_LIMIT:.0%}"
    said = "too little traffic to say" if drift.verdict is Verdict.UNSURE else drift.verdict.value
    return f"{drift.end_reason} by {drift.difference:.1%} ({bounds}): {said}"
